"""The server gets `kill -9` while it writes a notebook of 4 MB.

A person types a word, presses Ctrl+S, and waits until the file has it. Then the person types on and
presses Ctrl+S, and the server is killed 5 to 400 ms later. After the kill the file must be a whole
notebook that has the word. Each kill has a notebook of its own.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

from ..stage import Stage, write_notebook
from ..systems import wait_for
from ..tally import Tally, words

TITLE = "`kill -9` in the middle of a save: notebooks torn, or without what was saved before"
VARIANTS = ("",)
QUICK_VARIANTS = ()
DELAYS = (0.005, 0.05, 0.1, 0.2, 0.4)
LARGE = "x" * 79 + "\n"


def run(stage: Stage, _: str) -> Tally:
    unsaved, torn, lost = 0, 0, 0
    with stage.server() as server:
        for delay, word in zip(DELAYS, words("w", len(DELAYS)), strict=True):
            notebook = f"kill_in_save/{word}.ipynb"
            file = server.root / notebook
            write_notebook(file, "# ", "2")
            _add_output(file, LARGE * 50_000)
            with stage.person(server.page(notebook)) as ana:
                ana.go_to(0)
                ana.type(f" {word}")
                ana.save()
                try:
                    wait_for(partial(_has, file, word), "the file has the word", 30)
                except TimeoutError:
                    unsaved += 1
                ana.type(" more")
                ana.press_save()
                time.sleep(delay)
                server.kill_9()
            torn += not _is_json(file)
            lost += not _is_json(file) or not _has(file, word)
            server.start()
    notes = [f"{torn} not readable"] if torn else []
    notes += [f"{unsaved} never had the word, 30 s after Ctrl+S"] if unsaved else []
    return Tally(of=len(DELAYS), lost=lost).noting(*notes)


def _has(file: Path, word: str) -> bool:
    return word in file.read_text()


def _add_output(file: Path, text: str) -> None:
    notebook = json.loads(file.read_text())
    notebook["cells"][1]["execution_count"] = 1
    notebook["cells"][1]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}
    ]
    file.write_text(json.dumps(notebook, indent=1) + "\n")


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except (OSError, ValueError):
        return False
    return True
