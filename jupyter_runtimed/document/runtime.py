"""The runtime document: kernel, queue, runs, outputs and trust as an Automerge document.

The server is the only writer, so a `RuntimeCache` has the content as Python values. It is loaded
once from the document, and each write updates it. Reads of the content do not touch the engine.
Writes are pending until `commit`. This class knows only the schema; `execution` decides which
output belongs where and which run is next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, TypedDict

from ..crdt import ROOT, Document, Heads, Obj, ObjId, heads_of, load
from ..errors import DocumentError, NotFound
from ..ids import CellId, Epoch, RunId
from . import seeds
from .compacting_list import CompactingList
from .content import (
    NOTHING,
    Blob,
    CellOutputs,
    DisplayOutput,
    Output,
    Prompt,
    Run,
    RunState,
    StreamOutput,
)
from .output_codec import display_to_doc, mime_to_doc, output_to_doc, prompt_to_doc, run_to_doc
from .runtime_cache import Entry, KernelState, KernelStatus, child, read
from .runtime_rotation import HistoryMeter

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["KernelState", "KernelStatus", "RunChanges", "Runtime"]


class RunChanges(TypedDict, total=False):
    """Fields of a run that may change; None removes an optional field."""

    state: RunState
    started_at: int | None
    finished_at: int | None
    execution_count: int | None
    source_hash: str
    reason: str | None
    prompt: Prompt | None


class Runtime:
    """One runtime document with a cache of its content."""

    def __init__(self, document: Document) -> None:
        """Load the content. Raises `DocumentError` if `document` violates the runtime schema."""
        self.document = document
        self._kernel_obj = child(document, ROOT, "kernel")
        self._queue_list = CompactingList(document, ROOT, "queue")
        self._cells_obj = child(document, ROOT, "cells")
        self._runs_obj = child(document, ROOT, "runs")
        self._mirror = read(document)
        self._cell_objs: dict[CellId, ObjId] = {}
        self._meter = HistoryMeter()

    @classmethod
    def create(cls, epoch: Epoch, actor: bytes) -> Runtime:
        """Return an empty runtime document; its epoch is pending until the first `commit`."""
        runtime = cls(load(seeds.runtime(), actor=actor))
        runtime.document.put(ROOT, "epoch", epoch)
        runtime._mirror.epoch = epoch
        return runtime

    # ------------------------------------------------------------ reading

    @property
    def heads(self) -> Heads:
        return heads_of(self.document)

    @property
    def epoch(self) -> Epoch:
        return self._mirror.epoch

    @property
    def kernel(self) -> KernelStatus:
        return self._mirror.kernel

    @property
    def queue(self) -> tuple[RunId, ...]:
        """Waiting runs in the order of execution, without the running one."""
        return self._mirror.queue

    def cells(self) -> tuple[CellId, ...]:
        return tuple(self._mirror.trust)

    def runs(self) -> tuple[Run, ...]:
        return tuple(entry.run for entry in self._mirror.entries.values())

    def run(self, run_id: RunId) -> Run | None:
        entry = self._mirror.entries.get(run_id)
        return None if entry is None else entry.run

    def run_of(self, cell_id: CellId) -> Run | None:
        run_id = self._mirror.run_ids.get(cell_id)
        return None if run_id is None else self.run(run_id)

    def trusted(self, cell_id: CellId) -> bool:
        return self._mirror.trust.get(cell_id, False)

    def outputs(self, run_id: RunId) -> Sequence[Output]:
        """Return the present outputs of a run; empty for an unknown run."""
        entry = self._mirror.entries.get(run_id)
        return () if entry is None else entry.outputs

    def outcome(self, cell_id: CellId) -> CellOutputs:
        """Return the outputs and execution count of a cell; the same object until a change."""
        run_id = self._mirror.run_ids.get(cell_id)
        entry = None if run_id is None else self._mirror.entries.get(run_id)
        if entry is None:
            return NOTHING
        if entry.outcome is None:
            entry.outcome = CellOutputs(tuple(entry.outputs), entry.run.execution_count)
        return entry.outcome

    def outcomes(self) -> dict[CellId, CellOutputs]:
        """Return the outcomes of all cells that have a run."""
        return {cell_id: self.outcome(cell_id) for cell_id in self._mirror.run_ids}

    def displays(self, display_id: str) -> tuple[tuple[RunId, str], ...]:
        """Return (run id, output id) of every output with this display id."""
        return tuple(self._mirror.displays.get(display_id, ()))

    # ------------------------------------------------------------ kernel, queue, trust

    def set_kernel(self, status: KernelStatus) -> None:
        before = asdict(self._mirror.kernel)
        for key, value in asdict(status).items():
            if value != before[key]:
                self.document.put(self._kernel_obj, key, value)
        self._mirror.kernel = status

    def enqueue(self, run_id: RunId) -> None:
        self._entry(run_id)
        self._splice_queue(len(self.queue), 0, [run_id])

    def dequeue(self, run_id: RunId) -> None:
        """Remove a run from the queue, if the queue holds it."""
        if run_id in self.queue:
            self._splice_queue(self.queue.index(run_id), 1, [])

    def set_trusted(self, cell_id: CellId, trusted: bool) -> None:
        cell_obj = self._cell(cell_id)
        if self._mirror.trust[cell_id] != trusted:
            self.document.put(cell_obj, "trusted", trusted)
            self._mirror.trust[cell_id] = trusted

    def remove_cell(self, cell_id: CellId) -> None:
        """Remove a cell with its run and its outputs."""
        if cell_id not in self._mirror.trust:
            return
        if (run_id := self._mirror.run_ids.get(cell_id)) is not None:
            self._remove_run(run_id)
        self.document.delete(self._cells_obj, cell_id)
        self._cell_objs.pop(cell_id, None)
        del self._mirror.trust[cell_id]

    # ------------------------------------------------------------ runs

    def add_run(self, run: Run) -> None:
        """Add a run as the run of its cell; remove the cell's previous run with its outputs.

        Raises `DocumentError` if the run's id exists.
        """
        if run.id in self._mirror.entries:
            raise DocumentError(f"there is a run {run.id!r} already; give the new one another id")
        cell_obj = self._cell(run.cell_id)
        if (former := self._mirror.run_ids.get(run.cell_id)) is not None:
            self._remove_run(former)
        obj = self.document.put(self._runs_obj, run.id, run_to_doc(run))
        if obj is None:
            raise DocumentError(f"Automerge did not create a map for run {run.id!r}")
        self.document.put(cell_obj, "run", run.id)
        outputs_obj = child(self.document, obj, "outputs")
        self._mirror.entries[run.id] = Entry(run, obj, outputs_obj, [])
        self._mirror.run_ids[run.cell_id] = run.id

    def set_run(self, run_id: RunId, **changes: Unpack[RunChanges]) -> Run:
        """Set fields of a run; write only changed ones. Raises `NotFound`."""
        entry = self._entry(run_id)
        before, after = entry.run, replace(entry.run, **changes)
        for key in changes:
            value = getattr(after, key)
            if value == getattr(before, key):
                continue
            if value is None:
                self.document.delete(entry.obj, key)
            else:
                plain = prompt_to_doc(value) if isinstance(value, Prompt) else value
                self.document.put(entry.obj, key, plain)
        entry.run = after
        if after.execution_count != before.execution_count:
            entry.outcome = None
        return after

    def import_outcome(
        self, cell_id: CellId, outcome: CellOutputs, run_id: RunId, now_ms: int
    ) -> None:
        """Show outputs that no run of this room made (from a file, or a paste) in a cell.

        They become the outputs of a finished run without a user. An empty outcome removes the
        cell's run.
        """
        if outcome == NOTHING:
            self._cell(cell_id)
            if (former := self._mirror.run_ids.get(cell_id)) is not None:
                self._remove_run(former)
            return
        count = outcome.execution_count
        self.add_run(Run(run_id, cell_id, "ok", "", now_ms, execution_count=count))
        self.append_outputs(run_id, outcome.outputs)

    # ------------------------------------------------------------ outputs

    def append_output(self, run_id: RunId, output: Output) -> None:
        self.append_outputs(run_id, (output,))

    def append_outputs(self, run_id: RunId, outputs: Iterable[Output]) -> None:
        entry, new = self._entry(run_id), list(outputs)
        if not new:
            return
        shapes = [output_to_doc(output) for output in new]
        self.document.insert(entry.outputs_obj, len(entry.outputs), shapes)
        entry.outputs.extend(new)
        entry.outcome = None
        self._mirror.note_displays(run_id, new)

    def splice_chunks(
        self, run_id: RunId, output_id: str, start: int, delete: int, chunks: Sequence[str | Blob]
    ) -> StreamOutput:
        """Replace `delete` chunks of a stream at `start` by `chunks`; return the new stream.

        Raises `NotFound`, or `DocumentError` if the output is not a stream.
        """
        entry, index = self._place(run_id, output_id)
        stream = entry.outputs[index]
        if not isinstance(stream, StreamOutput):
            raise DocumentError(f"output {output_id!r} of run {run_id!r} is not a stream")
        kept = stream.chunks
        after = replace(stream, chunks=(*kept[:start], *chunks, *kept[start + delete :]))
        if (chunk_list := entry.chunk_lists.get(output_id)) is None:
            chunk_list = CompactingList(self.document, self._output_obj(entry, index), "chunks")
            entry.chunk_lists[output_id] = chunk_list
        chunk_list.splice(
            start,
            delete,
            [mime_to_doc(chunk) for chunk in chunks],
            whole=lambda: [mime_to_doc(chunk) for chunk in after.chunks],
        )
        entry.outputs[index] = after
        entry.outcome = None
        return after

    def replace_display(self, run_id: RunId, output_id: str, display: DisplayOutput) -> None:
        """Replace data and metadata of a display; keep its id, type and display id.

        Raises `NotFound`, or `DocumentError` if the output is not a display.
        """
        entry, index = self._place(run_id, output_id)
        before = entry.outputs[index]
        if not isinstance(before, DisplayOutput):
            raise DocumentError(f"output {output_id!r} of run {run_id!r} is not a display")
        after = replace(before, data=display.data, metadata=display.metadata)
        if after == before:
            return
        obj = self._output_obj(entry, index)
        shape = display_to_doc(after)
        for key in ("data", "metadata"):
            if getattr(before, key) != getattr(after, key):
                self.document.put(obj, key, shape[key])
        entry.outputs[index] = after
        entry.outcome = None

    def clear_outputs(self, run_id: RunId) -> None:
        entry = self._entry(run_id)
        if not entry.outputs:
            return
        # A new list is one operation for any number of outputs.
        made = self.document.put(entry.obj, "outputs", [])
        entry.outputs_obj = made or child(self.document, entry.obj, "outputs")
        self._mirror.forget_displays(run_id, entry.outputs)
        entry.outputs, entry.outcome = [], None
        entry.chunk_lists.clear()

    def forget_display_ids(self) -> None:
        """Remove all display ids, because the kernel that could update the displays is gone."""
        places = [place for found in self._mirror.displays.values() for place in found]
        for run_id, output_id in places:
            entry, index = self._place(run_id, output_id)
            shown = entry.outputs[index]
            if isinstance(shown, DisplayOutput):
                self.document.delete(self._output_obj(entry, index), "display_id")
                entry.outputs[index] = replace(shown, display_id=None)
        self._mirror.displays.clear()

    # ------------------------------------------------------------ bytes

    def commit(self, *, now_ms: int) -> bytes | None:
        """Commit the pending writes as one change; return its bytes, or None without writes."""
        if self.document.commit(time=now_ms // 1000) is None:
            return None
        change = self.document.last_local_change()
        if change is None:
            return None
        self._meter.add(len(change.bytes))
        return change.bytes

    @property
    def history_bytes(self) -> int:
        """Known size of the history since the last rotation, loaded and committed, in bytes."""
        return self._meter.history_bytes

    def content_bytes(self) -> int:
        """Estimate the size of the present content in bytes; visits all outputs."""
        return sum(entry.content_bytes() for entry in self._mirror.entries.values())

    @property
    def wants_rotation(self) -> bool:
        """Whether the history is large enough for a rotation (`rotated`)."""
        return self._meter.wants_rotation(self.content_bytes)

    def count_history(self, size_bytes: int) -> None:
        """Add the size of a stored history, in bytes."""
        self._meter.add(size_bytes)

    def rotated(self, epoch: Epoch, actor: bytes) -> Runtime:
        """Return a fresh document with the same content and ids, pending as one change."""
        fresh = Runtime.create(epoch, actor)
        fresh.set_kernel(self._mirror.kernel)
        for cell_id, trusted in self._mirror.trust.items():
            fresh.set_trusted(cell_id, trusted)
        for run_id, entry in self._mirror.entries.items():
            fresh.add_run(entry.run)
            fresh.append_outputs(run_id, entry.outputs)
        for run_id in self._mirror.queue:
            fresh.enqueue(run_id)
        return fresh

    # ------------------------------------------------------------ inside

    def _entry(self, run_id: RunId) -> Entry:
        if (entry := self._mirror.entries.get(run_id)) is None:
            raise NotFound(f"there is no run {run_id!r} in this notebook")
        return entry

    def _place(self, run_id: RunId, output_id: str) -> tuple[Entry, int]:
        """Return the run's entry and the output's index; search from the end.

        Most edits change one of the last outputs. Raises `NotFound`.
        """
        entry = self._entry(run_id)
        for index in range(len(entry.outputs) - 1, -1, -1):
            if entry.outputs[index].id == output_id:
                return entry, index
        raise NotFound(f"run {run_id!r} has no output {output_id!r}")

    def _output_obj(self, entry: Entry, index: int) -> ObjId:
        value = self.document.get(entry.outputs_obj, index)
        if not isinstance(value, Obj):
            raise DocumentError(f"output {index} of run {entry.run.id!r} is not a map")
        return value.id

    def _splice_queue(self, start: int, delete: int, run_ids: list[RunId]) -> None:
        after = (*self.queue[:start], *run_ids, *self.queue[start + delete :])
        self._queue_list.splice(start, delete, run_ids, whole=lambda: list(after))
        self._mirror.queue = after

    def _cell(self, cell_id: CellId) -> ObjId:
        """Return the map of a cell; create it on first use."""
        if (known := self._cell_objs.get(cell_id)) is not None:
            return known
        if cell_id in self._mirror.trust:
            obj = child(self.document, self._cells_obj, cell_id)
        else:
            made = self.document.put(self._cells_obj, cell_id, {"trusted": False})
            obj = made or child(self.document, self._cells_obj, cell_id)
            self._mirror.trust[cell_id] = False
        self._cell_objs[cell_id] = obj
        return obj

    def _remove_run(self, run_id: RunId) -> None:
        entry = self._entry(run_id)
        self.dequeue(run_id)
        self._mirror.forget_displays(run_id, entry.outputs)
        self.document.delete(self._runs_obj, run_id)
        del self._mirror.entries[run_id]
        if self._mirror.run_ids.get(entry.run.cell_id) == run_id:
            self.document.delete(self._cell(entry.run.cell_id), "run")
            del self._mirror.run_ids[entry.run.cell_id]
