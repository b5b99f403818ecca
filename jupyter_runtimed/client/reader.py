"""Reading a live notebook from the local copy, without waiting for the server."""

from __future__ import annotations

from typing import Any, TypeAlias

from ..document.content import Cell, Prompt, Run, from_json
from ..document.notebook import Notebook
from ..document.runtime import KernelStatus
from ..errors import ClientError, NotFound
from ..ids import CellId
from ..peer.peer import Peer
from ..peer.runtime_view import RuntimeView
from ..protocol.frames import Heads, Role
from .connection import Connection
from .outputs import Blobs, NbOutput, blobs_of, inline, to_nbformat
from .transport import TransportName


class LiveCell:
    """A view of one cell; each property reads the current notebook.

    Raises `NotFound` once the cell is deleted.
    """

    __slots__ = ("_notebook", "id")

    def __init__(self, notebook: NotebookReader, cell_id: CellId) -> None:
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
        """`code`, `markdown` or `raw`."""
        return self._notebook.cell_content(self).cell_type

    @property
    def source(self) -> str:
        """The text of the cell."""
        return self._notebook.source(self)

    @property
    def metadata(self) -> dict[str, Any]:
        """A copy of the cell's metadata."""
        return {
            k: from_json(text) for k, text in self._notebook.cell_content(self).metadata.items()
        }

    @property
    def attachments(self) -> dict[str, Any]:
        """A copy of the cell's attachments, in nbformat's form."""
        return {
            k: from_json(text) for k, text in self._notebook.cell_content(self).attachments.items()
        }

    @property
    def outputs(self) -> list[NbOutput]:
        """The outputs in nbformat's form; a text with the size replaces an unfetched blob."""
        return self._notebook.outputs(self)

    @property
    def execution_count(self) -> int | None:
        """The number of the shown run, or None."""
        return self._notebook.execution_count(self)

    @property
    def run(self) -> Run | None:
        """The run whose outputs the cell shows, or None."""
        return self._notebook.last_run(self)


AnyCell: TypeAlias = LiveCell | CellId | str


class NotebookReader:
    """The read access to a live notebook and to the state of its connection."""

    def __init__(self, peer: Peer, connection: Connection, blobs: Blobs) -> None:
        self._peer = peer
        self._connection = connection
        self._blobs = blobs

    @property
    def path(self) -> str:
        """The current path of the notebook under the server's root folder."""
        return self._connection.path

    @property
    def role(self) -> Role:
        """The role of this client, `viewer`, `editor` or `runner`."""
        return self._peer.role

    @property
    def connected(self) -> bool:
        """Whether edits reach the server at once; while False, the peer keeps pending changes."""
        return self._peer.live

    @property
    def pending_edits(self) -> int:
        """The number of local edits that the server has not acknowledged as durable."""
        return self._peer.pending_edits

    @property
    def heads(self) -> Heads:
        """The hashes of the newest changes of the local copy; they name its version."""
        return self._notebook.heads

    @property
    def waiting_for(self) -> str:
        """The reason for the missing connection, as text; "" while connected."""
        return self._connection.waiting_for

    @property
    def transport(self) -> TransportName | None:
        """The transport, "websocket" or the slower "http"; None while disconnected."""
        return self._connection.transport

    @property
    def sent_bytes(self) -> int:
        """The bytes of all frames sent since opening, without WebSocket headers."""
        return self._connection.sent_bytes

    @property
    def received_bytes(self) -> int:
        """The bytes of all frames received since opening, without WebSocket headers."""
        return self._connection.received_bytes

    @property
    def cells(self) -> list[LiveCell]:
        """All cells from top to bottom."""
        return [LiveCell(self, cell_id) for cell_id in self._notebook.order]

    def cell(self, cell: AnyCell) -> LiveCell:
        """Return a view of the cell. Raises `NotFound` if the cell does not exist."""
        return LiveCell(self, self._id(cell))

    def cell_content(self, cell: AnyCell) -> Cell:
        """Return a copy of the cell as one immutable value. Raises `NotFound`."""
        return self._notebook.cell(self._id(cell))

    def source(self, cell: AnyCell) -> str:
        """Return the text of the cell. Raises `NotFound`."""
        return self._notebook.source(CellId(str(cell)))

    @property
    def metadata(self) -> dict[str, Any]:
        """A copy of the notebook's metadata."""
        return {key: from_json(text) for key, text in self._notebook.metadata().items()}

    @property
    def kernel(self) -> KernelStatus:
        """The notebook's kernel and its state, as the server reports it."""
        return self._runtime.kernel

    def last_run(self, cell: AnyCell) -> Run | None:
        """Return the run whose outputs the cell shows, or None. Raises `NotFound`."""
        return self._runtime.run_of(self._id(cell))

    def execution_count(self, cell: AnyCell) -> int | None:
        """Return the number of the run whose outputs the cell shows, or None."""
        run = self.last_run(cell)
        return None if run is None else run.execution_count

    def outputs(self, cell: AnyCell) -> list[NbOutput]:
        """Return the outputs in nbformat's form, from the local copy.

        A text with the size replaces an unfetched blob. Raises `NotFound`.
        """
        return inline(self._runtime.outcome(self._id(cell)).outputs, self._blobs.get)

    async def fetch_outputs(self, cell: AnyCell) -> list[NbOutput]:
        """Return the complete outputs in nbformat's form; fetches blobs from the server.

        Raises `NotFound` if the cell does not exist, `StorageError` for a damaged blob.
        """
        outputs = self._runtime.outcome(self._id(cell)).outputs
        return to_nbformat(outputs, await self._blobs.fetch(blobs_of(outputs)))

    def prompts(self) -> dict[CellId, Prompt]:
        """Return the input requests (`input()`) of running cells, by cell id."""
        runs = self._runtime.runs().values()
        return {run.cell_id: run.prompt for run in runs if run.prompt is not None}

    # ------------------------------------------------------------ inside

    @property
    def _notebook(self) -> Notebook:
        if self._peer.notebook is None:
            raise ClientError(f"{self.path} has not loaded yet; wait for `open`")
        return self._peer.notebook

    @property
    def _runtime(self) -> RuntimeView:
        if self._peer.runtime is None:
            raise ClientError(f"{self.path} has not loaded yet; wait for `open`")
        return self._peer.runtime

    def _id(self, cell: AnyCell) -> CellId:
        cell_id = CellId(str(cell))
        if cell_id not in self._notebook:
            raise NotFound(f"{self.path} has no cell {cell_id!r}")
        return cell_id
