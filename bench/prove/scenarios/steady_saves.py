"""A person types and presses Ctrl+S after every fifth word; nothing else happens.

The file and the notebook, when it is opened again, must have each word once.
"""

from __future__ import annotations

from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed with steady saves"
NOTEBOOK = "steady_saves/nb.ipynb"
VARIANTS = ("",)


def run(stage: Stage, _: str) -> Tally:
    typed = words("w", 30 if stage.quick else 60)
    with stage.server() as server:
        file = server.root / NOTEBOOK
        write_notebook(file, "# ", "2")
        with stage.person(server.page(NOTEBOOK)) as ana:
            ana.go_to(0)
            for index, word in enumerate(typed, 1):
                ana.type(f" {word}", delay_ms=5)
                if index % 5 == 0:
                    ana.press_save()
            ana.save()
            ana.page.wait_for_timeout(3_000)
            asked = ana.questions
        in_file = count(typed, file.read_text())
        tally = in_file + count(typed, stage.opened_again(server, NOTEBOOK))
    return tally.noting(*asked)
