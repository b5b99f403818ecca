"""Edits of the notebook by the server: the first cell, `%load`, times of runs, and the kernel.

Each edit is committed at once, and published with the other changes of the event.
"""

from __future__ import annotations

from typing import Final

from ..document.content import Cell, to_json
from ..document.notebook import Notebook
from ..execution.outputs import NextInput
from ..ids import CellId, NewId
from .file.file_sync import FileSync
from .kernelspec import KernelMetadata
from .runs import RoomRuns

EXECUTION: Final = "execution"
"""The metadata key of a cell in which JupyterLab records the times of its run."""


class ServerEdits:
    """Writes the server's own edits into the notebook."""

    def __init__(
        self,
        notebook: Notebook,
        running: RoomRuns,
        filing: FileSync,
        kernel_metadata: KernelMetadata,
        *,
        new_id: NewId,
    ) -> None:
        self._notebook = notebook
        self._running = running
        self._filing = filing
        self._kernel_metadata = kernel_metadata
        self._new_id = new_id

    def first_cell(self, now: int) -> bool:
        """Add the first cell to an empty notebook; return whether the notebook was empty.

        The server adds the cell because two browsers would add two. The cell is saved together with
        the first edit of a user.
        """
        if self._notebook.order:
            return False
        cell = Cell(CellId(self._new_id()), "code", "")
        self._notebook.add_cells([cell], index=0)
        self._filing.server_changed(self._notebook.commit(now_ms=now))
        self._running.runtime.set_trusted(cell.id, True)
        return True

    def next_input(self, wish: NextInput, now: int) -> None:
        """Write the text that the kernel sent for a cell, as `%load` does."""
        if wish.cell_id not in self._notebook:
            return
        if wish.replace:
            self._notebook.set_source(wish.cell_id, wish.text)
        else:
            fresh = Cell(CellId(self._new_id()), "code", wish.text)
            self._notebook.add_cell(fresh, after=wish.cell_id)
        self._commit(now)

    def write_runs(self, now: int) -> None:
        """Write the requested times of runs, and the kernel once a run was sent to it."""
        for cell_id, times in self._running.take_timings():
            if cell_id in self._notebook:
                former = self._notebook.cell(cell_id).metadata.get(EXECUTION)
                # A cell that runs again must not show the times of its previous run.
                if times or former is not None:
                    value = to_json(times) if times else None
                    self._notebook.set_metadata(cell_id, EXECUTION, value)
                    self._commit(now)
        if self._running.take_sent() and self._kernel_metadata.write():
            self._commit(now)

    def _commit(self, now: int) -> None:
        self._filing.server_changed(self._notebook.commit(now_ms=now))
        self._filing.edited(now)
