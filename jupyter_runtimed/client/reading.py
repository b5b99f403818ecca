"""Reading a live notebook: all of it comes from the local copy, and never waits."""

from __future__ import annotations

from typing import Any, TypeAlias

from ..document.content import Cell, Prompt, Run, from_json
from ..document.notebook import Notebook
from ..document.runtime import KernelStatus
from ..errors import ClientError, NotFound
from ..ids import CellId
from ..protocol.frames import Heads, Role
from ..protocol.peer import Peer
from ..protocol.runtime_view import RuntimeView
from .connection import Connection
from .outputs import Blobs, NbOutput, blobs_of, inline, to_nbformat


class LiveCell:
    """One cell, as it is whenever it is looked at.

    Reads go to the notebook; raises `NotFound` once the cell is gone.
    """

    __slots__ = ("_notebook", "id")

    def __init__(self, notebook: Reading, cell_id: CellId) -> None:
        self._notebook = notebook
        self.id = cell_id

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<LiveCell {self.id} of {self._notebook.path}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiveCell) and (other.id, other._notebook) == (
            self.id,
            self._notebook,
        )

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def cell_type(self) -> str:
        return self._notebook.content(self).cell_type

    @property
    def source(self) -> str:
        return self._notebook.source(self)

    @property
    def metadata(self) -> dict[str, Any]:
        return {k: from_json(text) for k, text in self._notebook.content(self).metadata.items()}

    @property
    def attachments(self) -> dict[str, Any]:
        return {k: from_json(text) for k, text in self._notebook.content(self).attachments.items()}

    @property
    def outputs(self) -> list[NbOutput]:
        """As `LiveNotebook.outputs`: what is large and not fetched says so."""
        return self._notebook.outputs(self)

    @property
    def execution_count(self) -> int | None:
        return self._notebook.execution_count(self)

    @property
    def run(self) -> Run | None:
        """The run whose outputs it shows."""
        return self._notebook.last_run(self)


AnyCell: TypeAlias = LiveCell | CellId | str


class Reading:
    """What a notebook says, and how things stand with the server."""

    def __init__(self, peer: Peer, connection: Connection, blobs: Blobs) -> None:
        self._peer = peer
        self._connection = connection
        self._blobs = blobs

    @property
    def path(self) -> str:
        return self._connection.path

    @property
    def role(self) -> Role:
        return self._peer.role

    @property
    def connected(self) -> bool:
        """Do edits reach the server at once? Otherwise they wait, and are sent later."""
        return self._peer.live

    @property
    def unacked(self) -> int:
        """How many local edits are not known to be durable on the server."""
        return self._peer.unacked

    @property
    def heads(self) -> Heads:
        return self._notebook.heads

    @property
    def sent_bytes(self) -> int:
        """Frames sent since the notebook was opened, WebSocket headers not counted."""
        return self._connection.sent_bytes

    @property
    def received_bytes(self) -> int:
        return self._connection.received_bytes

    @property
    def cells(self) -> list[LiveCell]:
        """From top to bottom."""
        return [LiveCell(self, cell_id) for cell_id in self._notebook.order]

    def cell(self, cell: AnyCell) -> LiveCell:
        """Raises `NotFound` if there is no such cell."""
        return LiveCell(self, self._id(cell))

    def content(self, cell: AnyCell) -> Cell:
        """A cell as one immutable value."""
        return self._notebook.cell(self._id(cell))

    def source(self, cell: AnyCell) -> str:
        return self._notebook.source(CellId(str(cell)))

    @property
    def metadata(self) -> dict[str, Any]:
        return {key: from_json(text) for key, text in self._notebook.metadata().items()}

    @property
    def kernel(self) -> KernelStatus:
        return self._runtime.kernel

    def last_run(self, cell: AnyCell) -> Run | None:
        """The run whose outputs the cell shows."""
        return self._runtime.run_of(self._id(cell))

    def execution_count(self, cell: AnyCell) -> int | None:
        run = self.last_run(cell)
        return None if run is None else run.execution_count

    def outputs(self, cell: AnyCell) -> list[NbOutput]:
        """In nbformat's form, from the local copy; what is large and not fetched says so."""
        return inline(self._runtime.outcome(self._id(cell)).outputs, self._blobs.get)

    async def fetch_outputs(self, cell: AnyCell) -> list[NbOutput]:
        """In nbformat's form and whole."""
        outputs = self._runtime.outcome(self._id(cell)).outputs
        return to_nbformat(outputs, await self._blobs.fetch(blobs_of(outputs)))

    def prompts(self) -> dict[CellId, Prompt]:
        """Questions of running cells (`input()`) that wait for `answer`."""
        runs = self._runtime.runs().values()
        return {run.cell_id: run.prompt for run in runs if run.prompt is not None}

    # ------------------------------------------------------------ inside

    @property
    def _notebook(self) -> Notebook:
        if self._peer.notebook is None:
            raise ClientError("this notebook is not open")
        return self._peer.notebook

    @property
    def _runtime(self) -> RuntimeView:
        if self._peer.runtime is None:
            raise ClientError("this notebook is not open")
        return self._peer.runtime

    def _id(self, cell: AnyCell) -> CellId:
        cell_id = CellId(str(cell))
        if cell_id not in self._notebook:
            raise NotFound(f"there is no cell {cell_id!r} in {self.path}")
        return cell_id
