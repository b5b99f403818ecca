"""Read a notebook file, or a model of the contents API, as content values.

The values do not hold line ends, the spelling of numbers and duplicate keys. `ipynb_write` keeps
them nevertheless, because it uses the file as the template of the next write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import NotebookError
from ...ids import CellId, NewId
from .. import json_text, mime
from ..content import NOTHING, Cell, CellOutputs, Content, JsonText
from ..json_text import replace_lone_surrogates
from ..mime import DEFAULT_LIMITS, Limits, PutBlob
from ..schema import FORBIDDEN_KEY, IDS_FROM_MINOR
from . import parse
from .output import ValueReader, is_count
from .parse import Parsed
from .upgrade import upgraded

_TOP = frozenset({"nbformat", "nbformat_minor", "metadata", "cells"})
_CELL = frozenset({"id", "cell_type", "source", "metadata", "attachments"})
_LARGEST = 2**53
_RETURNS = re.compile("\r\n?")


@dataclass(frozen=True, slots=True)
class FileContent:
    """Content of a notebook file or model.

    `repairs` are messages for users about repaired faults; empty for a valid file. `made_ids` are
    the cell ids that were made because the file has none. `trusted` are the cells that a model
    marks as trusted; always empty for a file, because a file cannot declare itself trusted.
    `blank`: the file was empty or held only white space, and stands for a new notebook.
    """

    content: Content
    repairs: tuple[str, ...] = ()
    made_ids: frozenset[CellId] = frozenset()
    trusted: frozenset[CellId] = frozenset()
    blank: bool = False


def read(
    data: bytes, *, new_id: NewId, put_blob: PutBlob, limits: Limits = DEFAULT_LIMITS
) -> FileContent:
    """Read a notebook file of nbformat 1 to 4. Raises only `NotebookError`.

    `put_blob` stores large values (see `Limits`).
    """
    text = parse.text_of(data)
    if parse.is_blank(text):
        empty = Content(nbformat_minor=IDS_FROM_MINOR, metadata={}, extra={}, cells=())
        return FileContent(
            empty, ("the file was empty; it is opened as a new notebook",), blank=True
        )
    found, parsed = read_parsed(parse.parse(text), new_id=new_id, put_blob=put_blob, limits=limits)
    parsed.free()
    return found


def read_parsed(
    parsed: Parsed, *, new_id: NewId, put_blob: PutBlob, limits: Limits = DEFAULT_LIMITS
) -> tuple[FileContent, Parsed]:
    """Read a parsed file; return its content and its parsed form. Raises `NotebookError`.

    The returned parsed form differs from `parsed` if the file holds numbers that only the exact
    decoder keeps.
    """
    top = parsed.top()
    version = _version(top)
    reader = _Reader(ValueReader(new_id, put_blob, limits), upgraded=version < 4)
    try:
        if version < 4:
            reader.repairs.append(
                f"the file is nbformat {version}; the next save converts it to nbformat 4"
            )
            return reader.notebook(upgraded(parsed.text.lstrip("\ufeff"), version)), parsed
        found = reader.notebook(top)
        if reader.values.infinite and parsed.decoder is json_text.QUICK:
            # Infinity may stand for a number such as 1e400; only the exact decoder tells.
            parsed = parse.parse(parsed.text, exact=True)
            found = _Reader(ValueReader(new_id, put_blob, limits)).notebook(parsed.top())
    except RecursionError:
        raise NotebookError(
            "the file is nested too deeply to be a notebook; restore it from a checkpoint"
        ) from None
    return found, parsed


def from_model(
    model: Mapping[str, object],
    *,
    new_id: NewId,
    put_blob: PutBlob,
    limits: Limits = DEFAULT_LIMITS,
) -> FileContent:
    """Read a model of the contents API (plain JSON values). Raises `NotebookError`."""
    version = _version(model)
    top = dict(model)
    try:
        values = ValueReader(new_id, put_blob, limits)
        reader = _Reader(values, upgraded=version < 4, believes_trust=True)
        return reader.notebook(
            upgraded(json_text.compact(top), version) if reader.upgraded else top
        )
    except RecursionError:
        raise NotebookError("the notebook is nested too deeply; nothing was changed") from None


def source_of(raw: str) -> str:
    """Return a source as documents store it: each line ends in a line feed."""
    text = replace_lone_surrogates(raw)
    return _RETURNS.sub("\n", text) if "\r" in text else text


def _version(top: Mapping[str, object]) -> int:
    version = top.get("nbformat")
    if version is None:
        raise NotebookError(
            "the file is JSON but not a notebook: it has no `nbformat` number; "
            "open it as a text file to see what it is"
        )
    if type(version) is not int or version < 1:
        raise NotebookError(
            f"`nbformat` must be a number such as 4, not {_said(version)}; "
            "repair the file in a text editor"
        )
    if version > 4:
        raise NotebookError(
            f"the notebook has nbformat {version}, but this server reads nbformat 4 and older; "
            "update jupyter-runtimed, or save the notebook as nbformat 4"
        )
    return version


def _said(value: object) -> str:
    return str(value) if type(value) in (int, float) else f"of type {type(value).__name__}"


def _minor(top: Mapping[str, object]) -> int:
    minor = top.get("nbformat_minor", 0)
    if type(minor) is not int or not 0 <= minor < _LARGEST:
        raise NotebookError(
            f"`nbformat_minor` must be a number such as 5, not {_said(minor)}; "
            "repair the file in a text editor"
        )
    return minor


@dataclass(slots=True)
class _Reader:
    values: ValueReader
    upgraded: bool = False
    believes_trust: bool = False
    repairs: list[str] = field(default_factory=list)
    made: set[CellId] = field(default_factory=set)
    trusted: set[CellId] = field(default_factory=set)

    def notebook(self, top: Mapping[str, object]) -> FileContent:
        metadata, raw_cells, minor = top.get("metadata", {}), top.get("cells", []), _minor(top)
        if not isinstance(metadata, dict):
            raise NotebookError(
                "the notebook's `metadata` is not an object; repair the file in a text editor"
            )
        if not isinstance(raw_cells, list):
            raise NotebookError(
                "the notebook's `cells` is not a list; repair the file in a text editor"
            )
        ids = self._ids(raw_cells, minor)
        cells: list[Cell] = []
        outcomes: dict[CellId, CellOutputs] = {}
        for number, (cell_id, raw) in enumerate(zip(ids, raw_cells, strict=True), 1):
            cells.append(self.cell(cell_id, raw, number))
            if raw["cell_type"] == "code" and (outcome := self.outcome(raw, number)) != NOTHING:
                outcomes[cell_id] = outcome
        content = Content(
            nbformat_minor=minor,
            metadata=self.values.map(metadata),
            extra=self.values.map({k: v for k, v in top.items() if k not in _TOP}),
            cells=tuple(cells),
            outcomes=outcomes,
        )
        made, trusted = frozenset(self.made), frozenset(self.trusted)
        return FileContent(content, tuple(self.repairs), made, trusted)

    def _ids(self, raw_cells: list[object], minor: int) -> list[CellId]:
        seen: dict[str, int] = {}
        found: list[CellId | None] = []
        for number, raw in enumerate(raw_cells, 1):
            raw_id = raw.get("id") if isinstance(raw, dict) else None
            cell_id = (
                CellId(replace_lone_surrogates(raw_id))
                if isinstance(raw_id, str) and raw_id
                else None
            )
            if cell_id is None:
                if minor >= IDS_FROM_MINOR and not self.upgraded:
                    self.repairs.append(f"cell {number} had no id and was given one")
            elif cell_id == FORBIDDEN_KEY:
                self.repairs.append(
                    f"cell {number} had the id {cell_id!r}, which no browser can show, and was "
                    "given another"
                )
                cell_id = None
            elif cell_id in seen:
                first = seen[cell_id]
                self.repairs.append(
                    f"cell {number} had the id of cell {first}, {cell_id!r}, and was given another"
                )
                cell_id = None
            else:
                seen[cell_id] = number
            found.append(cell_id)
        return [self._fresh(seen) if cell_id is None else cell_id for cell_id in found]

    def _fresh(self, seen: Mapping[str, int]) -> CellId:
        while (made := CellId(self.values.new_id())) in seen:
            pass
        self.made.add(made)
        return made

    def cell(self, cell_id: CellId, raw: object, number: int) -> Cell:
        if not isinstance(raw, dict):
            raise NotebookError(f"cell {number} is not an object; repair the file in a text editor")
        kind, source = raw.get("cell_type"), mime.joined(raw.get("source", ""))
        metadata, attachments = raw.get("metadata", {}), raw.get("attachments", {})
        for name, right in (
            ("cell_type", isinstance(kind, str)),
            ("source", source is not None),
            ("metadata", isinstance(metadata, dict)),
        ):
            if not right:
                raise NotebookError(
                    f"the `{name}` of cell {number} is missing or of the wrong type; "
                    "repair the file in a text editor"
                )
        extra = dict(self.values.map({k: v for k, v in raw.items() if k not in _CELL}))
        if kind == "code":
            extra.pop("outputs", None)
            if is_count(raw.get("execution_count")):
                extra.pop("execution_count", None)
        if not isinstance(attachments, dict):
            extra["attachments"] = self.values.json(attachments)
            attachments = {}
        if self.believes_trust and metadata.get("trusted") is True:
            self.trusted.add(cell_id)
        return Cell(
            id=cell_id,
            cell_type=replace_lone_surrogates(str(kind)),
            source=source_of(source or ""),
            metadata={k: v for k, v in self.values.map(metadata).items() if k != "trusted"},
            attachments={
                replace_lone_surrogates(k): self.attachment(v)
                for k, v in attachments.items()
                if k != FORBIDDEN_KEY
            },
            extra=extra,
        )

    def attachment(self, bundle: object) -> JsonText:
        return self.values.json(mime.bundle_of(bundle) if isinstance(bundle, dict) else bundle)

    def outcome(self, raw: Mapping[str, object], number: int) -> CellOutputs:
        outputs, count = raw.get("outputs", []), raw.get("execution_count")
        if not isinstance(outputs, list):
            raise NotebookError(
                f"the `outputs` of cell {number} are not a list; repair the file in a text editor"
            )
        return CellOutputs(
            outputs=tuple([self.values.output(output, number) for output in outputs]),
            execution_count=count if type(count) is int and is_count(count) else None,
        )
