"""Two programs edit one notebook over Jupyter's contents API, each in a different cell.

Each reads the notebook, adds a line to its cell and puts the notebook back, as scripts do, many
times and without waiting for the other one. An answer that is an error counts as refused.
"""

from __future__ import annotations

import threading
import urllib.error

from ..stage import Stage, write_notebook
from ..systems import Server
from ..tally import Tally, count, words

TITLE = "lines written by two programs through the contents API"
VARIANTS = ("",)
NOTEBOOK = "two_programs/nb.ipynb"


def run(stage: Stage, _: str) -> Tally:
    number = 10 if stage.quick else 30
    with stage.server() as server:
        write_notebook(server.root / NOTEBOOK, "# first", "# second")
        with stage.person(server.page(NOTEBOOK)):
            mine = [words(prefix, number) for prefix in ("p", "q")]
            done: list[list[str]] = [[], []]
            programs = [
                threading.Thread(target=_work, args=(server, cell, mine[cell], done[cell]))
                for cell in (0, 1)
            ]
            for program in programs:
                program.start()
            for program in programs:
                program.join()
        left = stage.opened_again(server, NOTEBOOK)
    accepted = [word for words_of_one in done for word in words_of_one]
    return count(accepted, left) + Tally(
        of=2 * number - len(accepted), refused=2 * number - len(accepted)
    )


def _work(server: Server, cell: int, lines: list[str], done: list[str]) -> None:
    for line in lines:
        try:
            model = server.request("GET", f"api/contents/{NOTEBOOK}")
            model["content"]["cells"][cell]["source"] += f"\n# {line}"
            server.request(
                "PUT", f"api/contents/{NOTEBOOK}", {"type": "notebook", "content": model["content"]}
            )
        except urllib.error.HTTPError:
            continue
        done.append(line)
