"""A person types, each word is acknowledged, and the server gets `kill -9` 0, 0.3 and 3 s later.

Where a second person has the notebook open, a word is acknowledged when that person sees it. Plain
JupyterLab has no second person: there a word is acknowledged when Ctrl+S has taken the mark of
unsaved changes away. Both browsers are closed with the server, as after a power cut.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from ..person import Person
from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "acknowledged words, then `kill -9` of the server after {} s"
VARIANTS = (0.0, 0.3, 3.0)
QUICK_VARIANTS = (0.3,)
WORDS = 15


def run(stage: Stage, delay: float) -> Tally:
    notebook = f"kill_9/{delay}.ipynb"
    with stage.server() as server:
        write_notebook(server.root / notebook, "# ", "2")
        with ExitStack() as people:
            ana = people.enter_context(stage.person(server.page(notebook)))
            ben = ana
            if stage.system.shared:
                ben = people.enter_context(stage.person(server.page(notebook)))
            ana.go_to(0)
            acknowledged = [word for word in words("w", WORDS) if _type(stage, ana, ben, word)]
            time.sleep(delay)
            server.kill_9()
        server.start()
        left = stage.opened_again(server, notebook)
    missing = WORDS - len(acknowledged)
    tally = count(acknowledged, left)
    return tally.noting(f"{missing} words never acknowledged") if missing else tally


def _type(stage: Stage, ana: Person, ben: Person, word: str) -> bool:
    ana.type(f" {word}")
    return ben.sees(word) if stage.system.shared else ana.save()
