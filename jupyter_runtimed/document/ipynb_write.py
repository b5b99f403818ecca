"""Content values as the bytes of a notebook file, in the form of the file that is there.

Cells that did not change are copied from that file as they stand; a changed one is written over its
old text. If nothing changed, the bytes are the file's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal, TypeAlias

from ..errors import NotebookError
from ..ids import Sha256
from . import ipynb_parse, jsonstyle, jsontext
from .content import NOTHING, Cell, Content, Outcome
from .ipynb_parse import Parsed
from .ipynb_read import IDS_FROM_MINOR, FileContent, read_parsed
from .ipynb_shape import JsonObject, Shape
from .jsonstyle import Frame, Lines, Piece, Style, Template
from .jsontext import Place, clean
from .likeness import match
from .mime import DEFAULT_LIMITS, GetBlob, Limits
from .outcome import same_outcome

CELL_DEPTH = 2
"""How deep the cells stand in a notebook's JSON."""
LARGE_CHARS = 256 << 10
_MARK = "\0cells\0"
"""Stands in for the cells while what is around them is put together: no JSON text holds it."""
SourceForm: TypeAlias = Literal["lines", "whole"]


def write(
    content: Content,
    *,
    get_blob: GetBlob,
    like: bytes | None,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """The notebook as nbformat 4.

    `like` is the file as it is now: what is equal in it keeps its text, and it is returned itself
    if nothing changed. One that is no notebook counts as none. Without it the text is that of
    `nbformat.writes` and a line feed. Errors: those of `get_blob`.
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
                writer.let_go()
    return _fresh(content, get_blob, jsonstyle.DEFAULT)


def _fresh(content: Content, get_blob: GetBlob, style: Style) -> bytes:
    whole = Shape(get_blob).notebook(content)
    return _encoded(jsonstyle.dump(whole, style, 0) + (style.newline or "\n"))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return jsontext.escape_lone(text).encode()


@dataclass(frozen=True, slots=True)
class _Old:
    """One cell of the file: its text's place, and what it says."""

    place: Place
    cell: Cell
    outcome: Outcome
    made_id: bool

    @property
    def raw(self) -> JsonObject:
        return self.place.parsed if isinstance(self.place.parsed, dict) else {}

    def has_id(self, cell: Cell) -> bool:
        raw = self.raw.get("id")
        return isinstance(raw, str) and clean(raw) == cell.id


class _Writer:
    """Writes `content` over one file. Raises NotebookError if that is no notebook."""

    def __init__(self, content: Content, get_blob: GetBlob, like: bytes, limits: Limits) -> None:
        self.content = content
        self.get_blob: GetBlob = get_blob
        self.like = like
        text = ipynb_parse.text_of(like)
        self.parsed: Parsed | None = None
        if ipynb_parse.is_blank(text):
            self.old = FileContent(Content(IDS_FROM_MINOR, {}, {}, ()), blank=True)
            return
        numbers = count()
        own: dict[Sha256, bytes] = {}

        def keep(data: bytes) -> Sha256:
            sha256 = Sha256(hashlib.sha256(data).hexdigest())
            own[sha256] = data
            return sha256

        # What only the file has was never put into the blob store, and need not be.
        self.get_blob = lambda sha256: own[sha256] if sha256 in own else get_blob(sha256)
        self.old, self.parsed = read_parsed(
            ipynb_parse.parse(text),
            new_id=lambda: f"\0{next(numbers)}",
            put_blob=keep,
            limits=limits,
        )
        self.is_v4 = self.parsed.top().get("nbformat") == 4

    def let_go(self) -> None:
        if self.parsed is not None:
            self.parsed.let_go()

    def result(self) -> bytes:
        cells, old = self.content.cells, self.old.content
        by_place = old.nbformat_minor < IDS_FROM_MINOR or bool(self.old.made_ids)
        pairs = match(old.cells, cells, by_place=by_place)
        if self._unchanged(pairs):
            return self.like
        if self.parsed is None:
            return _fresh(self.content, self.get_blob, jsonstyle.DEFAULT)
        style = jsonstyle.detect(self.parsed.text, self.parsed.open, self.parsed.members)
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
        """Equal in a file, ids aside."""
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

        def body(index: int, place: Place) -> str:
            if last[place.key] != index:
                return text[place.start : place.end]
            key = text[place.start : place.value]
            if place.key == "cells":
                cells[:] = self._cells(parsed, place, pairs, shape, style)
                return key + _MARK
            child = Template(text, place.value, place.end, old[place.key])
            return key + jsonstyle.render(child, new[place.key], style, 1)

        if "cells" not in old:
            new["cells"] = shape.notebook(self.content)["cells"]
        pieces = jsonstyle.object_pieces(parsed.members, new, body, style, 0)
        frame = Frame(text, parsed.open, parsed.close, parsed.members)
        whole = text[: parsed.open] + frame.around(pieces, style, 0) + text[parsed.close + 1 :]
        before, _, after = whole.partition(_MARK)
        # Piece by piece: each step over the whole text would hold up every other thread.
        return b"".join(map(_encoded, (before, *cells, after)))

    def _cells(
        self, parsed: Parsed, place: Place, pairs: Sequence[int | None], shape: Shape, style: Style
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
        frame = Frame(parsed.text, place.value, place.end - 1, places)
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
    outcome: Outcome,
    was: Outcome,
    shape: Shape,
    style: Style,
    *,
    with_id: bool = True,
) -> tuple[str, SourceForm | None]:
    """The text of a cell in place of the one that it was, which showed `was`; its source's form.

    A very large one is written anew, in the file's style: to find what is the same in it would take
    many times its size.
    """
    if template.end - template.start > LARGE_CHARS:
        return cell_anew(cell, outcome, shape, style, with_id=with_id)
    old = template.value if isinstance(template.value, dict) else {}
    new = shape.cell(cell, outcome, with_id=with_id, old=old, old_outputs=was.outputs)
    return jsonstyle.render(template, new, style, CELL_DEPTH), source_form(new)


def cell_anew(
    cell: Cell, outcome: Outcome, shape: Shape, style: Style, *, with_id: bool = True
) -> tuple[str, SourceForm | None]:
    """The text of a cell that is written over nothing, and its source's form."""
    new = shape.cell(cell, outcome, with_id=with_id)
    return jsonstyle.dump(new, style, CELL_DEPTH), source_form(new)


def splits(forms: Iterable[SourceForm | None]) -> bool:
    """Whether new text is written as lines; it is, unless the file's cells show otherwise."""
    found = set(forms)
    return "lines" in found or "whole" not in found


def source_form(cell: object) -> SourceForm | None:
    """What a cell's value in a file says of how text is written; None if nothing."""
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, (list, Lines)):
        return "lines"
    return "whole" if isinstance(source, str) and "\n" in source else None
