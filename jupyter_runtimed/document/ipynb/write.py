"""Write content values as the bytes of a notebook file, in the form of the existing file.

The text of unchanged cells is copied from the existing file; the old text of a changed cell is the
template of its new text. If nothing changed, the result is the existing file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, TypeAlias

from ...errors import NotebookError
from ...ids import Sha256
from .. import json_text
from ..content import NOTHING, Cell, CellOutputs, Content
from ..diff.cell_matching import match_cells
from ..diff.output_equality import same_outcome
from ..json_text import Span, replace_lone_surrogates
from ..mime import DEFAULT_LIMITS, GetBlob, Limits
from ..schema import IDS_FROM_MINOR
from . import json_style, parse
from .json_style import Container, Lines, Piece, Style, Template
from .parse import Parsed
from .read import FileContent, read_parsed
from .to_nbformat import JsonObject, Shape

CELL_DEPTH = 2
"""Nesting depth of the cells in a notebook's JSON."""
LARGE_CHARS = 256 << 10
_MARK = "\0cells\0"
"""Placeholder of the cells while `_over` builds the text around them; JSON text has no NUL."""
SourceForm: TypeAlias = Literal["lines", "whole"]


def write(
    content: Content,
    *,
    get_blob: GetBlob,
    like: bytes | None,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """Return the notebook as the bytes of an nbformat 4 file.

    `like` is the existing file: its unchanged parts keep their text, and `like` itself is returned
    if nothing changed. If `like` is None or not a notebook, the text equals that of
    `nbformat.writes` plus a line feed. Errors: those of `get_blob`.
    """
    if like is not None:
        try:
            writer = _Writer(content, get_blob, like, limits)
        except NotebookError:
            pass
        else:
            try:
                return writer.result()
            finally:
                writer.free()
    return _fresh(content, get_blob, json_style.DEFAULT)


def _fresh(content: Content, get_blob: GetBlob, style: Style) -> bytes:
    whole = Shape(get_blob).notebook(content)
    return _encoded(json_style.dump(whole, style, 0) + (style.newline or "\n"))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json_text.escape_lone(text).encode()


@dataclass(frozen=True, slots=True)
class _Old:
    """One cell of the existing file: the position of its text, and its content."""

    place: Span
    cell: Cell
    outcome: CellOutputs
    made_id: bool

    @property
    def raw(self) -> JsonObject:
        return self.place.parsed if isinstance(self.place.parsed, dict) else {}

    def has_id(self, cell: Cell) -> bool:
        raw = self.raw.get("id")
        return isinstance(raw, str) and replace_lone_surrogates(raw) == cell.id


class _Writer:
    """Writer of `content` over the file `like`. Raises `NotebookError` if `like` is invalid."""

    def __init__(self, content: Content, get_blob: GetBlob, like: bytes, limits: Limits) -> None:
        self.content = content
        self.get_blob: GetBlob = get_blob
        self.like = like
        text = parse.text_of(like)
        self.parsed: Parsed | None = None
        if parse.is_blank(text):
            self.old = FileContent(Content(IDS_FROM_MINOR, {}, {}, ()), blank=True)
            return
        numbers = count()
        own: dict[Sha256, bytes] = {}

        def keep(data: bytes) -> Sha256:
            sha256 = Sha256(hashlib.sha256(data).hexdigest())
            own[sha256] = data
            return sha256

        # Blobs that only the file holds stay in memory: the blob store does not need them.
        self.get_blob = lambda sha256: own[sha256] if sha256 in own else get_blob(sha256)
        self.old, self.parsed = read_parsed(
            parse.parse(text),
            new_id=lambda: f"\0{next(numbers)}",
            put_blob=keep,
            limits=limits,
        )
        self.is_v4 = self.parsed.top().get("nbformat") == 4

    def free(self) -> None:
        if self.parsed is not None:
            self.parsed.free()

    def result(self) -> bytes:
        cells, old = self.content.cells, self.old.content
        by_place = old.nbformat_minor < IDS_FROM_MINOR or bool(self.old.made_ids)
        pairs = match_cells(old.cells, cells, by_place=by_place)
        if self._unchanged(pairs):
            return self.like
        if self.parsed is None:
            return _fresh(self.content, self.get_blob, json_style.DEFAULT)
        style = json_style.detect(self.parsed.text, self.parsed.open, self.parsed.members)
        if not self.is_v4:
            return _fresh(self.content, self.get_blob, style)
        return self._over(self.parsed, pairs, style)

    def _unchanged(self, pairs: Sequence[int | None]) -> bool:
        new, old = self.content, self.old.content
        return (
            list(pairs) == list(range(len(old.cells)))
            and new.nbformat_minor == old.nbformat_minor
            and new.metadata == old.metadata
            and new.extra == old.extra
            and all(
                self._says_same(a, b) and (a.id == b.id or b.id in self.old.made_ids)
                for a, b in zip(new.cells, old.cells, strict=True)
            )
        )

    def _says_same(self, new: Cell, old: Cell) -> bool:
        """Whether a file stores both cells and their outputs alike, apart from ids."""
        was = self.old.content.outcomes.get(old.id, NOTHING)
        now = self.content.outcomes.get(new.id, NOTHING)
        return replace(old, id=new.id) == new and (
            new.cell_type != "code" or same_outcome(now, was, self.get_blob)
        )

    def _over(self, parsed: Parsed, pairs: Sequence[int | None], style: Style) -> bytes:
        text = parsed.text
        shape = Shape(
            self.get_blob, split=splits(source_form(place.parsed) for place in parsed.cells())
        )
        old = parsed.top()
        new = shape.top(self.content, old) | {"cells": None}
        last = {place.key: index for index, place in enumerate(parsed.members)}
        cells: list[str] = []

        def body(index: int, place: Span) -> str:
            if last[place.key] != index:
                return text[place.start : place.end]
            key = text[place.start : place.value]
            if place.key == "cells":
                cells[:] = self._cells(parsed, place, pairs, shape, style)
                return key + _MARK
            child = Template(text, place.value, place.end, old[place.key])
            return key + json_style.render(child, new[place.key], style, 1)

        if "cells" not in old:
            new["cells"] = shape.notebook(self.content)["cells"]
        pieces = json_style.object_pieces(parsed.members, new, body, style, 0)
        frame = Container(text, parsed.open, parsed.close, parsed.members)
        whole = text[: parsed.open] + frame.around(pieces, style, 0) + text[parsed.close + 1 :]
        before, _, after = whole.partition(_MARK)
        # Encode piece by piece, because each pass over the whole text would block other threads.
        return b"".join(map(_encoded, (before, *cells, after)))

    def _cells(
        self, parsed: Parsed, place: Span, pairs: Sequence[int | None], shape: Shape, style: Style
    ) -> list[str]:
        places = parsed.cells()
        content = self.old.content
        olds = [
            _Old(where, cell, content.outcomes.get(cell.id, NOTHING), cell.id in self.old.made_ids)
            for where, cell in zip(places, content.cells, strict=True)
        ]
        pieces: list[Piece] = [
            (
                index,
                self._cell(parsed.text, cell, None if index is None else olds[index], shape, style),
            )
            for cell, index in zip(self.content.cells, pairs, strict=True)
        ]
        frame = Container(parsed.text, place.value, place.end - 1, places)
        return frame.parts(pieces, style, 1)

    def _cell(self, text: str, cell: Cell, old: _Old | None, shape: Shape, style: Style) -> str:
        with_ids = self.content.nbformat_minor >= IDS_FROM_MINOR
        outcome = self.content.outcomes.get(cell.id, NOTHING)
        if old is None:
            return cell_anew(cell, outcome, shape, style, with_id=with_ids)[0]
        if (not with_ids or old.has_id(cell)) and self._says_same(cell, old.cell):
            return text[old.place.value : old.place.end]
        template = Template(text, old.place.value, old.place.end, old.raw)
        return cell_over(template, cell, outcome, old.outcome, shape, style, with_id=with_ids)[0]


def cell_over(
    template: Template,
    cell: Cell,
    outcome: CellOutputs,
    was: CellOutputs,
    shape: Shape,
    style: Style,
    *,
    with_id: bool = True,
) -> tuple[str, SourceForm | None]:
    """Return the text of a changed cell and the form of its source.

    `template` is the old cell, `was` its old outputs. A very large cell does not use the template
    but only the file's style, because a comparison would take many times its size of memory.
    """
    if template.end - template.start > LARGE_CHARS:
        return cell_anew(cell, outcome, shape, style, with_id=with_id)
    old = template.value if isinstance(template.value, dict) else {}
    new = shape.cell(cell, outcome, with_id=with_id, old=old, old_outputs=was.outputs)
    return json_style.render(template, new, style, CELL_DEPTH), source_form(new)


def cell_anew(
    cell: Cell, outcome: CellOutputs, shape: Shape, style: Style, *, with_id: bool = True
) -> tuple[str, SourceForm | None]:
    """Return the text of a cell without a template, and the form of its source."""
    new = shape.cell(cell, outcome, with_id=with_id)
    return json_style.dump(new, style, CELL_DEPTH), source_form(new)


def splits(forms: Iterable[SourceForm | None]) -> bool:
    """Whether new text is written as lists of lines: true unless the file uses only strings."""
    found = set(forms)
    return "lines" in found or "whole" not in found


def source_form(cell: object) -> SourceForm | None:
    """Return the form of a cell's source; None if a one-line string does not show the form."""
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, (list, Lines)):
        return "lines"
    return "whole" if isinstance(source, str) and "\n" in source else None
