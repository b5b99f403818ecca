"""A person types while `git merge` brings a colleague's commit into the notebook's file.

The colleague has changed the third cell; the person types in the first one throughout, and saves at
the end. `--autostash`, which `git pull` has too, keeps what is in the file and not yet committed.
The notebook must have the commit of the colleague and the text of the person.
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed, and a commit that `git` brings into the file meanwhile"
NOTEBOOK = "git/nb.ipynb"
VARIANTS = ("",)
QUICK_VARIANTS = ()
TYPED = 30
MERGE = ("merge", "-q", "--autostash", "other")


def run(stage: Stage, _: str) -> Tally:
    colleague = words("g", 10)
    typed = words("w", TYPED)
    with stage.server() as server:
        file = server.root / NOTEBOOK
        _commit_two_branches(file, colleague)
        with stage.person(server.page(NOTEBOOK)) as ana:
            ana.go_to(0)
            merging = threading.Timer(3, _git, args=(file.parent, *MERGE))
            merging.start()
            for word in typed:
                ana.type(f" {word}", delay_ms=40)
            merging.join()
            ana.page.wait_for_timeout(3_000)
            ana.save()
            ana.page.wait_for_timeout(3_000)
            asked = ana.questions
        left = stage.opened_again(server, NOTEBOOK)
        in_conflict = _git(file.parent, "stash", "list")
    tally = count(typed, left) + count(colleague, left, asked=bool(asked))
    return tally.noting(*asked, *(["git found a conflict"] if in_conflict else []))


def _commit_two_branches(file: Path, colleague: list[str]) -> None:
    folder = file.parent
    write_notebook(file, "# ", "2", "3")
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "notebook")
    _git(folder, "checkout", "-qb", "other")
    write_notebook(file, "# ", "2", "# " + " ".join(colleague))
    _git(folder, "commit", "-qam", "colleague")
    _git(folder, "checkout", "-q", "main")


def _git(folder: Path, *args: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=colleague", "-c", "user.email=c@example.org", *args],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
