"""A person runs a cell and closes the tab. The output must be in the notebook later.

Three cells: a short one (2 s), a long one (10 s), and one that is silent for 6 s before it prints.
The tab is closed as soon as the cell runs. The person opens the notebook again
when the kernel is idle.
"""

from __future__ import annotations

from ..stage import Stage, write_notebook
from ..systems import wait_for
from ..tally import Tally, count, words

TITLE = "lines printed by a cell whose tab was closed ({})"
PROGRAMS = {
    "short": (20, "import time\nfor i in range(20): print(f'line{i:03d}x'); time.sleep(0.1)"),
    "long": (100, "import time\nfor i in range(100): print(f'line{i:03d}x'); time.sleep(0.1)"),
    "silent": (5, "import time\ntime.sleep(6)\nfor i in range(5): print(f'line{i:03d}x')"),
}
VARIANTS = tuple(PROGRAMS)
QUICK_VARIANTS = ("short",)


def run(stage: Stage, kind: str) -> Tally:
    lines, source = PROGRAMS[kind]
    notebook = f"closed_tab/{kind}.ipynb"
    with stage.server() as server:
        write_notebook(server.root / notebook, "1", source)
        with stage.person(server.page(notebook)) as ana:
            ana.run_cell(0)
            ana.sees_prompt(0, "[1]:")
            ana.save()
            ana.run_cell(1)
            ana.sees_prompt(1, "[*]:")
            wait_for(server.busy, "the cell runs", 20)
        wait_for(lambda: not server.busy(), "the cell has ended", 60)
        left = stage.opened_again(server, notebook)
    return count(words("line", lines), left)
