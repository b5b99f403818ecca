"""What is meant to be otherwise than in JupyterLab or nbclient, and why.

The page `docs/design/conformance.md` has the same table; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

JUPYTERLAB, NBCLIENT = "JupyterLab", "nbclient"

_REWRITTEN = "nbclient keeps control characters as they came; every reader has to obey them"
_QUESTION = "nbclient cannot ask anybody, so `input()` fails in it"
_OTHER_LIFE = (
    "nbclient lets a new process change what the former one showed, if an id is used again; "
    "JupyterLab and we do not"
)

MEANT: Final[dict[tuple[str, str], str]] = {
    ("backspace", JUPYTERLAB): (
        "JupyterLab deletes the character before the cursor; "
        "a terminal only goes back, and so do we"
    ),
    ("cursor-up", JUPYTERLAB): (
        "JupyterLab saves cursor movements and shows what they should have overwritten; "
        "we write what a terminal would show"
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
    ("help", NBCLIENT): "nbclient drops what a kernel wants to have shown in a pager",
    ("source-replaced", NBCLIENT): "nbclient drops the text that a kernel wants in a cell",
    ("input", NBCLIENT): _QUESTION,
    ("password", NBCLIENT): _QUESTION,
}
"""By cell of the notebook and other executor."""


def table() -> str:
    """The rows of the page, in Markdown."""
    rows = [f"| `{cell}` | {who} | {why} |" for (cell, who), why in MEANT.items()]
    return "\n".join(["| cell | other than | why |", "|---|---|---|", *rows])
