"""Trust in notebooks on disk, by the notary of the contents manager that is configured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary

from ..document import ipynb_parse
from ..document.content import Content
from ..ids import CellId


class NotaryTrust:
    """Knows which files this user has signed. Called in worker threads.

    The notary's database may be used by the thread that opened it alone, so each use opens one of
    its own, configured as the manager's.
    """

    def __init__(self, manager: Any) -> None:
        # Made on first use, and then bound to the thread that used it first: not one of ours.
        self._theirs = manager.notary

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:
        """Every code cell of a signed file, none of any other."""
        try:
            notebook = _read(data)
        except Exception:  # noqa: BLE001 -- whatever is wrong with it, it is not signed
            return ()
        notary = self._notary()
        try:
            known = notary.check_signature(notebook)
        finally:
            notary.close()
        return tuple(c.id for c in content.cells if c.cell_type == "code") if known else ()

    def sign(self, data: bytes) -> None:
        notary = self._notary()
        try:
            notary.sign(_read(data))
        finally:
            notary.close()

    def _notary(self) -> Any:
        mine = self._theirs
        make: Any = NotebookNotary
        return make(
            config=mine.config,
            data_dir=mine.data_dir,
            db_file=mine.db_file,
            secret=mine.secret,
            algorithm=mine.algorithm,
        )


def _read(data: bytes) -> Any:
    """As `nbformat.reads`, but cell by cell: while one text is parsed all other threads wait."""
    top = ipynb_parse.parse(ipynb_parse.text_of(data)).top()
    read: Any = nbformat.reads
    if top.get("nbformat") != 4:
        return read(data.decode(), as_version=4)
    _join_streams(top["cells"])
    of_v4: Any = nbformat.v4.to_notebook_json
    return of_v4(top, minor=top.get("nbformat_minor"))


def _join_streams(cells: Any) -> None:
    """As nbformat joins the lines of text in the end, but before it looks at each by itself."""
    for cell in cells:
        for output in cell.get("outputs", ()):
            text = output.get("text") if output.get("output_type") == "stream" else None
            if isinstance(text, list):
                output["text"] = "".join(text)
