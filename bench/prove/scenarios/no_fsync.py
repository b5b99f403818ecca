"""The notebook is on a share that cannot fsync a folder, as SMB and VirtualBox shares cannot.

The share is a FUSE file system that passes everything through and answers EINVAL to that one call.
A person types, presses Ctrl+S, and waits for ten seconds. The file and the page
must have each word once.
"""

from __future__ import annotations

from ..mount import mounted
from ..stage import Stage, write_notebook
from ..tally import Tally, count, words

TITLE = "words typed on a share without fsync of folders"
NOTEBOOK = "no_fsync/nb.ipynb"
VARIANTS = ("",)


def run(stage: Stage, _: str) -> Tally:
    typed = words("w", 20)
    with mounted(stage.new_folder()) as root, stage.own_server(root=root) as server:
        file = root / NOTEBOOK
        write_notebook(file, "# ", "2")
        with stage.person(server.page(NOTEBOOK)) as ana:
            ana.go_to(0)
            for word in typed:
                ana.type(f" {word}")
            ana.save()
            ana.page.wait_for_timeout(10_000)
            return count(typed, file.read_text()) + count(typed, ana.text())
