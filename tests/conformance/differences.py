"""Intended differences to JupyterLab and nbclient, with their reasons.

The page `docs/design/conformance.md` has the same table; a test compares the two.
"""

from __future__ import annotations

from typing import Final

JUPYTERLAB, NBCLIENT = "JupyterLab", "nbclient"

_REWRITTEN = "nbclient keeps control characters as they are; every reader has to apply them"
_QUESTION = "nbclient has no user to ask, so `input()` fails"
_OTHER_LIFE = (
    "nbclient lets a new kernel process update the displays of the previous one if it uses the "
    "same id; JupyterLab and rooms do not"
)

MEANT: Final[dict[tuple[str, str], str]] = {
    ("backspace", JUPYTERLAB): (
        "JupyterLab deletes the character before the cursor; "
        "a terminal and a room only move the cursor back"
    ),
    ("cursor-up", JUPYTERLAB): (
        "JupyterLab saves cursor movements and shows the text that they should overwrite; "
        "a room saves the text that a terminal would show"
    ),
    ("bars", JUPYTERLAB): "as `cursor-up`: several progress bars are one line each",
    ("program", NBCLIENT): _REWRITTEN,
    ("carriage-return", NBCLIENT): _REWRITTEN,
    ("carriage-return-shorter", NBCLIENT): _REWRITTEN,
    ("backspace", NBCLIENT): _REWRITTEN,
    ("backspace-at-the-end", NBCLIENT): _REWRITTEN,
    ("cursor-up", NBCLIENT): _REWRITTEN,
    ("bars", NBCLIENT): _REWRITTEN,
    ("shown", NBCLIENT): _OTHER_LIFE,
    ("shown-twice", NBCLIENT): _OTHER_LIFE,
    ("help", NBCLIENT): "nbclient drops the text that a kernel sends for a pager",
    ("source-replaced", NBCLIENT): "nbclient drops the text that a kernel sends for a cell",
    ("input", NBCLIENT): _QUESTION,
    ("password", NBCLIENT): _QUESTION,
}
"""(Cell of the notebook, other executor) to the reason."""


def table() -> str:
    """Return the rows of the page in Markdown."""
    rows = [f"| `{cell}` | {who} | {why} |" for (cell, who), why in MEANT.items()]
    return "\n".join(["| cell | other than | why |", "|---|---|---|", *rows])
