"""Another program rewrites the file while a person types in another cell.

An editor on the same disk reads the file, adds a line to the third cell and replaces the file,
eight times, two seconds apart. Meanwhile a person types in the first cell, and saves at the
end. If JupyterLab asks which version to keep, the person takes the answer that it offers first.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed, and lines that an editor writes into the file meanwhile"
NOTEBOOK = "editor/nb.ipynb"
VARIANTS = ("",)
LINES = 8
QUICK_LINES = 3
PACE_SECONDS = 2.0


def run(stage: Stage, _: str) -> Tally:
    lines = words("e", QUICK_LINES if stage.quick else LINES)
    typed = words("w", 5 * len(lines))
    with stage.server() as server:
        file = server.root / NOTEBOOK
        write_notebook(file, "# ", "2", "# lines of the editor")
        with stage.person(server.page(NOTEBOOK)) as ana:
            ana.go_to(0)
            written = threading.Event()
            editor = threading.Thread(target=_edit, args=(file, lines, written), daemon=True)
            editor.start()
            for word in typed:
                ana.type(f" {word}", delay_ms=PACE_SECONDS * 1000 / 30)
            editor.join()
            ana.page.wait_for_timeout(3_000)
            ana.save()
            ana.page.wait_for_timeout(3_000)
            asked = ana.questions
        left = stage.opened_again(server, NOTEBOOK)
    tally = count(typed, left) + count(lines, left, asked=bool(asked))
    return tally.noting(*asked)


def _edit(file: Path, lines: list[str], stopped: threading.Event) -> None:
    for line in lines:
        stopped.wait(PACE_SECONDS)
        notebook = json.loads(file.read_text())
        notebook["cells"][2]["source"] = [
            *notebook["cells"][2]["source"][:-1],
            "".join(notebook["cells"][2]["source"][-1:]) + "\n",
            f"# {line}",
        ]
        beside = file.with_name(".editor.tmp")
        beside.write_text(json.dumps(notebook, indent=1) + "\n")
        beside.replace(file)
