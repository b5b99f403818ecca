"""A read-only view of the runtime document: runs, outputs, trust and kernel status.

The view caches the values that it reads. A patch invalidates the values that it touched, and the
view reads them again on the next access. Only the server writes the document
(`document.runtime`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from ..crdt import ROOT, Change, Document, Heads, Obj, ObjId, Patch, engine_errors, heads_of
from ..document.content import NOTHING, CellOutputs, Output, Run
from ..document.output_codec import output_from_doc, run_from_doc
from ..document.runtime import KernelStatus
from ..errors import DocumentError
from ..ids import CellId, Epoch, RunId


@dataclass(frozen=True, slots=True)
class RuntimeTouched:
    """The parts that a batch of changes touched; `cells` are those whose display changed."""

    cells: frozenset[CellId] = frozenset()
    runs: frozenset[RunId] = frozenset()
    kernel: bool = False
    queue: bool = False

    def __bool__(self) -> bool:
        return bool(self.cells or self.runs or self.kernel or self.queue)


@dataclass(slots=True)
class _Kept:
    """The cached values of one run; None marks a value that must be read again."""

    obj: ObjId
    run: Run | None = None
    outputs: list[Output | None] | None = None


class RuntimeView:
    """One runtime document with a cache of its runs and outputs."""

    def __init__(self, document: Document) -> None:
        """Raises `DocumentError` if `document` does not hold the runtime schema."""
        self.document = document
        self._cells_obj = self._child(ROOT, "cells")
        self._runs_obj = self._child(ROOT, "runs")
        self._kept: dict[RunId, _Kept] = {}

    @property
    def heads(self) -> Heads:
        return heads_of(self.document)

    @property
    def epoch(self) -> Epoch:
        return Epoch(str(self._value(ROOT, "epoch") or ""))

    @property
    def kernel(self) -> KernelStatus:
        shape = cast("dict[str, Any]", self.document.to_py(self._child(ROOT, "kernel")))
        known = {field.name for field in fields(KernelStatus)}
        return KernelStatus(**{key: value for key, value in shape.items() if key in known})

    @property
    def queue(self) -> tuple[RunId, ...]:
        """The queued runs, next to run first."""
        queue = self.document.to_py(self._child(ROOT, "queue"))
        return tuple(RunId(str(run_id)) for run_id in cast("list[object]", queue))

    def run(self, run_id: RunId) -> Run | None:
        """Return the run; None if the document does not have it."""
        if (kept := self._find(run_id)) is None:
            return None
        if kept.run is None:
            keys = (key for key in self.document.keys(kept.obj) if key != "outputs")
            shape = {key: self._plain(kept.obj, key) for key in keys}
            kept.run = run_from_doc(run_id, shape)
        return kept.run

    def run_of(self, cell_id: CellId) -> Run | None:
        """Return the run whose outputs the cell shows; None if it shows none."""
        cell = self._value(self._cells_obj, cell_id)
        run_id = self._value(cell.id, "run") if isinstance(cell, Obj) else None
        return self.run(RunId(run_id)) if isinstance(run_id, str) else None

    def trusted(self, cell_id: CellId) -> bool:
        cell = self._value(self._cells_obj, cell_id)
        return isinstance(cell, Obj) and self._value(cell.id, "trusted") is True

    def runs(self) -> Mapping[RunId, Run]:
        ids = (RunId(key) for key in self.document.keys(self._runs_obj))
        return {run_id: run for run_id in ids if (run := self.run(run_id)) is not None}

    def outputs(self, run_id: RunId) -> Sequence[Output]:
        """Return the present outputs of a run; () if the document does not have the run."""
        if (kept := self._find(run_id)) is None:
            return ()
        outputs_obj = self._child(kept.obj, "outputs")
        if kept.outputs is None:
            kept.outputs = [None] * self.document.length(outputs_obj)
        for index, output in enumerate(kept.outputs):
            if output is None:
                shape = cast("Mapping[str, object]", self._plain(outputs_obj, index))
                kept.outputs[index] = output_from_doc(shape)
        return cast("tuple[Output, ...]", tuple(kept.outputs))

    def outcome(self, cell_id: CellId) -> CellOutputs:
        """Return the outputs and the execution count that a cell shows."""
        if (run := self.run_of(cell_id)) is None:
            return NOTHING
        return CellOutputs(tuple(self.outputs(run.id)), run.execution_count)

    # ------------------------------------------------------------ updates

    def apply(self, changes: Iterable[Change | bytes]) -> RuntimeTouched:
        """Apply changes and return what they touched. Raises `DocumentError`."""
        with engine_errors("the change cannot be applied"):
            return self._notice(self.document.apply_changes(changes))

    def everything(self) -> RuntimeTouched:
        """Return all parts of the document as touched."""
        cells = frozenset(CellId(key) for key in self.document.keys(self._cells_obj))
        return RuntimeTouched(cells, frozenset(self.runs()), kernel=True, queue=True)

    def _notice(self, patches: Sequence[Patch]) -> RuntimeTouched:
        cells: set[CellId] = set()
        runs: set[RunId] = set()
        kernel = queue = False
        for patch in patches:
            match (*patch.path, patch.prop):
                case ("runs", str(run_id), *rest):
                    runs.add(RunId(run_id))
                    self._forget(RunId(run_id), rest, patch)
                case ("cells", str(cell_id), *_):
                    cells.add(CellId(cell_id))
                case ("kernel", *_):
                    kernel = True
                case ("queue", *_):
                    queue = True
                case _:
                    pass
        cells.update(run.cell_id for run_id in runs if (run := self.run(run_id)) is not None)
        return RuntimeTouched(frozenset(cells), frozenset(runs), kernel=kernel, queue=queue)

    def _forget(self, run_id: RunId, rest: list[str | int | None], patch: Patch) -> None:
        kept = self._kept.get(run_id)
        if kept is None:
            return
        match rest:
            case ["outputs", int(index)] if kept.outputs is not None:
                if patch.action == "insert" and index == len(kept.outputs):
                    kept.outputs.extend([None] * len(patch.values or ()))
                else:
                    kept.outputs = None
            case ["outputs", int(index), *_] if kept.outputs is not None:
                kept.outputs[index : index + 1] = [None]
            case ["outputs", *_]:
                kept.outputs = None
            case []:
                del self._kept[run_id]
            case _:
                kept.run = None

    # ------------------------------------------------------------ helpers

    def _find(self, run_id: RunId) -> _Kept | None:
        if (kept := self._kept.get(run_id)) is not None:
            return kept
        value = self._value(self._runs_obj, run_id)
        if not isinstance(value, Obj):
            return None
        kept = self._kept[run_id] = _Kept(value.id)
        return kept

    def _value(self, obj: ObjId, key: str) -> object:
        try:
            return self.document.get(obj, key)
        except KeyError:
            return None

    def _plain(self, obj: ObjId, key: str | int) -> object:
        value = self.document.get(obj, key)
        return self.document.to_py(value.id) if isinstance(value, Obj) else value

    def _child(self, obj: ObjId, key: str) -> ObjId:
        value = self._value(obj, key)
        if not isinstance(value, Obj):
            raise DocumentError(f"this is not a runtime document: {key!r} is missing")
        return value.id
