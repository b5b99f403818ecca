"""Trust in notebook files, through the notary of the configured contents manager."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nbformat
from nbformat.sign import NotebookNotary

from ...document.content import Content
from ...document.ipynb import parse
from ...ids import CellId


class NotaryTrust:
    """Checks and signs notebook files. The methods run in worker threads.

    A notary's SQLite database works only in the thread that opened it, so each call creates a
    notary with the manager's configuration.
    """

    def __init__(self, manager: Any) -> None:
        # Used only for its configuration: its database belongs to the thread that opens it first.
        self._theirs = manager.notary

    def trusted(self, data: bytes, content: Content) -> Iterable[CellId]:
        """Return the ids of all code cells if the file is signed, otherwise no ids."""
        try:
            notebook = _read(data)
        except Exception:  # noqa: BLE001 -- an unreadable file is not signed
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
    """Parse like `nbformat.reads`, but cell by cell.

    Parsing one large text would block all other threads.
    """
    top = parse.parse(parse.text_of(data)).top()
    read: Any = nbformat.reads
    if top.get("nbformat") != 4:
        return read(data.decode(), as_version=4)
    _join_streams(top["cells"])
    of_v4: Any = nbformat.v4.to_notebook_json
    return of_v4(top, minor=top.get("nbformat_minor"))


def _join_streams(cells: Any) -> None:
    """Join the lines of stream outputs first, because nbformat otherwise visits each line."""
    for cell in cells:
        for output in cell.get("outputs", ()):
            text = output.get("text") if output.get("output_type") == "stream" else None
            if isinstance(text, list):
                output["text"] = "".join(text)
