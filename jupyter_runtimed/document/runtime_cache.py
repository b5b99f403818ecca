"""Cache of a runtime document as Python values.

`read` loads the cache once; `Runtime`, the only writer, updates it with each write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias, cast

from ..crdt import ROOT, Document, Obj, ObjId
from ..errors import DocumentError
from ..ids import CellId, Epoch, RunId
from .compacting_list import CompactingList
from .content import CellOutputs, DisplayOutput, Output, Run
from .output_codec import content_size, output_from_doc, run_from_doc

KernelState: TypeAlias = Literal["none", "starting", "idle", "busy", "restarting", "dead"]


@dataclass(frozen=True, slots=True)
class KernelStatus:
    """State of the notebook's kernel for all clients; `reason` explains an unusual state."""

    id: str = ""
    name: str = ""
    display_name: str = ""
    state: KernelState = "none"
    reason: str = ""


@dataclass(slots=True)
class Entry:
    """One run with its outputs; `obj` and `outputs_obj` are its objects in the document."""

    run: Run
    obj: ObjId
    outputs_obj: ObjId
    outputs: list[Output]
    outcome: CellOutputs | None = None
    chunk_lists: dict[str, CompactingList] = field(default_factory=dict)
    """Chunk lists of the streams that got text, by output id."""

    def content_bytes(self) -> int:
        return 256 + sum(content_size(output) for output in self.outputs)


@dataclass(slots=True)
class RuntimeCache:
    epoch: Epoch
    kernel: KernelStatus
    queue: tuple[RunId, ...] = ()
    entries: dict[RunId, Entry] = field(default_factory=dict)
    run_ids: dict[CellId, RunId] = field(default_factory=dict)
    trust: dict[CellId, bool] = field(default_factory=dict)
    displays: dict[str, dict[tuple[RunId, str], None]] = field(default_factory=dict)

    def note_displays(self, run_id: RunId, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, DisplayOutput) and output.display_id is not None:
                self.displays.setdefault(output.display_id, {})[run_id, output.id] = None

    def forget_displays(self, run_id: RunId, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, DisplayOutput) and output.display_id is not None:
                places = self.displays.get(output.display_id, {})
                places.pop((run_id, output.id), None)
                if not places:
                    self.displays.pop(output.display_id, None)


def child(document: Document, obj: ObjId, key: str) -> ObjId:
    """Return the map or list at a key. Raises `DocumentError` if there is none."""
    try:
        value = document.get(obj, key)
    except KeyError:
        value = None
    if not isinstance(value, Obj):
        raise DocumentError(f"this is not a runtime document: it has no {key!r}")
    return value.id


def read(document: Document) -> RuntimeCache:
    """Load the content of a document. Raises `DocumentError` unless it is a runtime document."""
    tree = _map(document.to_py(ROOT))
    mirror = RuntimeCache(epoch=Epoch(str(tree.get("epoch") or "")), kernel=_kernel(tree))
    runs_obj = child(document, ROOT, "runs")
    for key, shape in _map(tree.get("runs")).items():
        run_id = RunId(key)
        entry = _entry(document, child(document, runs_obj, key), run_id, _map(shape))
        mirror.entries[run_id] = entry
        mirror.note_displays(run_id, entry.outputs)
    for key, cell in _map(tree.get("cells")).items():
        cell_id, shape = CellId(key), _map(cell)
        mirror.trust[cell_id] = shape.get("trusted") is True
        shown = shape.get("run")
        if isinstance(shown, str) and RunId(shown) in mirror.entries:
            mirror.run_ids[cell_id] = RunId(shown)
    mirror.queue = tuple(RunId(str(run_id)) for run_id in _list(tree.get("queue")))
    return mirror


def _kernel(tree: Mapping[str, object]) -> KernelStatus:
    names = {known.name for known in fields(KernelStatus)}
    kernel = {key: value for key, value in _map(tree.get("kernel")).items() if key in names}
    return KernelStatus(**cast("dict[str, KernelState]", kernel))


def _entry(document: Document, obj: ObjId, run_id: RunId, shape: Mapping[str, object]) -> Entry:
    return Entry(
        run=run_from_doc(run_id, shape),
        obj=obj,
        outputs_obj=child(document, obj, "outputs"),
        outputs=[output_from_doc(_map(output)) for output in _list(shape.get("outputs"))],
    )


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
