"""A notebook whose cells make a kernel send every kind of message.

The id of a cell names its subject. `STOP` fails unintentionally, so the cells behind it do not run.
`AFTER` runs alone after the kernel was restarted.
"""

from __future__ import annotations

from pathlib import Path

import nbformat

STOP, NEVER, AFTER = "stops", "never-runs", "after-a-restart"
ANSWERS = ("ana", "s3cret")
"""The answers to the notebook's input requests, in order."""
FAILS = frozenset({"error", "error-of-syntax", "clear-then-error", "input", "password"})
"""Cells that raise on purpose, or that raise because no user can answer `input()`."""

_DISPLAY = "from IPython.display import *\n"
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)

CELLS: dict[str, str] = {
    # stream
    "merged": "print('one'); print('two')",
    "flushed": "for n in range(300): print(n, flush=True)",
    "order": (
        "import sys\n"
        "for n in range(4):\n"
        "    print('out', n, flush=True)\n    print('err', n, file=sys.stderr, flush=True)"
    ),
    "program": "!echo from a program",
    "colour": r"print('\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[0m')",
    "wide": "print('é 👍🏽 中文 \\u200d')",
    "large": "print('x' * 79); print('y' * 30_000)",
    "carriage-return": (
        "for n in range(0, 101, 10): print(f'\\r{n:3}% ' + '#' * (n // 10), end='', flush=True)\n"
        "print()"
    ),
    "carriage-return-shorter": "print('a long line\\rshort')",
    "backspace": "print('abc\\b\\bX')",
    "backspace-at-the-end": "print('abd\\bc', flush=True); print('12', end='\\b3\\n')",
    "cursor-up": r"print('one\ntwo\n\x1b[2A\x1b[2KONE\n\x1b[KTWO')",
    "bars": (
        "for outer in range(3):\n"
        "    print(f'\\router {outer + 1}/3', end='', flush=True)\n"
        "    for inner in range(20):\n"
        "        print(f'\\n\\rinner {inner + 1:2}\\x1b[A\\r', end='', flush=True)\n"
        "print()"
    ),
    # display_data, execute_result
    "display": _DISPLAY + "display(HTML('<b>bold</b>'), metadata={'isolated': False}); print('x')",
    "bundle": (
        "display({'text/plain': 'p', 'text/html': ['<i>', 'i</i>'], 'application/json': {'a': [1]},"
        " 'application/x-own': 'own'}, raw=True)"
    ),
    "picture": f"display({{'image/png': '{_PIXEL}', 'text/plain': 'pixel'}}, raw=True)",
    "drawing": "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))",
    "result": "6 * 7",
    "result-rich": (
        "class Rich:\n    def _repr_html_(self): return '<table></table>'\n"
        "    def __repr__(self): return 'rich'\nRich()"
    ),
    "no-result": "7;",
    "script": "display(Javascript('window.seen = 1'))",
    # display ids
    "shown": "shown = display('first', display_id='shared')",
    "updated-in-its-cell": (
        "own = display(0, display_id=True)\nfor n in range(50): own.update(n)\nprint('done')"
    ),
    "update-too-early": "update_display('early', display_id='later')",
    "shown-later": "display('late', display_id='later');",
    "shown-twice": "display('second', display_id='shared'); display('third', display_id='shared');",
    "updated-elsewhere": "shown.update(HTML('<em>fourth</em>'))",
    # error
    "error": "print('before')\n1 / 0",
    "error-of-syntax": "1 +",
    "traceback-only-shown": (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()\n'goes on'"
    ),
    # clear_output
    "clear": "print(1); clear_output(); print(2)",
    "clear-at-the-end": "print(1); clear_output()",
    "clear-waits": "print(1); clear_output(wait=True); print(2)",
    "clear-waits-for-nothing": "print(1); clear_output(wait=True)",
    "clear-both": "print(1); clear_output(wait=True); clear_output(); print(2)",
    "clear-then-display": "print(1); clear_output(wait=True); display(2); print(3)",
    "clear-then-error": "print(1); clear_output(wait=True); 1 / 0",
    "clear-then-update": (
        "display(1, display_id='c'); clear_output(wait=True); update_display(2, display_id='c')"
    ),
    "clear-of-what-is-updated": (
        "display(1, display_id='d'); clear_output(); update_display(2, display_id='d')"
    ),
    "animation": "for n in range(30): clear_output(wait=True); print('frame', n); display(n)",
    # replies, comms, input requests
    "help": "len?",
    "source-replaced": "get_ipython().set_next_input('# in its place', replace=True)",
    "comm": (
        "from comm import create_comm\n"
        "c = create_comm('nobody', data={'x': 1}); c.send({'y': 2}); c.close(); print('done')"
    ),
    "blank": " \n",
    "input": "print('hello', input('who? '))",
    "password": "import getpass\nprint(len(getpass.getpass('word? ')))",
    # the end
    STOP: "raise RuntimeError('stop here')",
    NEVER: "'never'",
    AFTER: (
        _DISPLAY + "update_display('no', display_id='shared'); display('new', display_id='shared');"
    ),
}


def write(path: Path) -> None:
    cells = []
    for name, source in CELLS.items():
        cell = nbformat.v4.new_code_cell(source, id=name)
        if name in FAILS:
            cell.metadata["tags"] = ["raises-exception"]
        cells.append(cell)
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
