"""Incremental writer of one notebook's file: copies the bytes of unchanged cells.

The writer remembers the position and the content of each cell in the file that it wrote last. A
save therefore costs time in proportion to the changed cells, and does not parse the file. If the
file on disk is another one, or if something other than cells changed, `ipynb.write` writes the
whole file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import NotebookError
from .. import json_text
from ..content import NOTHING, Cell, CellOutputs, Content
from ..diff.cell_matching import match_cells
from ..diff.output_equality import same_outcome
from ..json_text import Span
from ..mime import GetBlob, Limits
from ..schema import IDS_FROM_MINOR
from . import json_style, parse
from .json_style import Container, Style, Template
from .to_nbformat import Shape
from .write import LARGE_CHARS, SourceForm, cell_anew, cell_over, source_form, splits, write

_MARK = re.compile("\0([0-9]+)\0")
_STAND_IN = "0"


class IncrementalWriter:
    """Incremental writer of one notebook's file. Not thread-safe."""

    def __init__(self, *, get_blob: GetBlob, limits: Limits) -> None:
        self._get_blob = get_blob
        self._limits = limits
        self._known: _Known | None = None

    def write(self, content: Content, like: bytes | None) -> bytes:
        """Return the same bytes as `ipynb.write`.

        `like` is the file on disk as bytes, or None. Errors: those of `get_blob`.
        """
        known, self._known = self._known, None
        if known is not None and like is not None and known.is_of(like):
            written = known.over(content, like, self._get_blob)
            if written is not None:
                data, self._known = written
                return data
        data = write(content, get_blob=self._get_blob, like=like, limits=self._limits)
        self._known = _known(content, data)
        return data


@dataclass(frozen=True, slots=True)
class _Known:
    """The file that was written last, as the writer remembers it.

    `text` is the file's text with a one-character placeholder in place of each cell; `frame` is the
    list of cells in `text`. `spans` are the byte ranges of the cells in the file; `forms` tell
    whether each cell's source is a list of lines or one string.
    """

    sha256: bytes
    content: Content
    text: str
    frame: Container
    spans: Sequence[tuple[int, int]]
    style: Style
    forms: Sequence[SourceForm | None]

    def is_of(self, data: bytes) -> bool:
        return hashlib.sha256(data).digest() == self.sha256

    def over(self, content: Content, like: bytes, get_blob: GetBlob) -> tuple[bytes, _Known] | None:
        """Return the new file and its description.

        Returns None if anything other than cells differs; the caller then writes the whole file.
        """
        old = self.content
        if (old.nbformat_minor, old.metadata, old.extra) != (
            content.nbformat_minor,
            content.metadata,
            content.extra,
        ):
            return None
        indices = match_cells(old.cells, content.cells, by_place=False)
        shape = Shape(get_blob, split=splits(self.forms))
        view = memoryview(like)
        bodies: list[bytes | memoryview] = []
        forms: list[SourceForm | None] = []
        same = indices == list(range(len(old.cells)))
        for cell, index in zip(content.cells, indices, strict=True):
            span = None if index is None else view[slice(*self.spans[index])]
            body, form = self._body(cell, index, content, span, shape)
            same = same and body is span
            bodies.append(body)
            forms.append(form)
        if same:
            return like, self
        return self._joined(content, view, indices, bodies, forms)

    def _body(
        self, cell: Cell, index: int | None, new: Content, span: memoryview | None, shape: Shape
    ) -> tuple[bytes | memoryview, SourceForm | None]:
        outcome = new.outcomes.get(cell.id, NOTHING)
        if index is None or span is None:
            fresh, form = cell_anew(cell, outcome, shape, self.style)
            return _encoded(fresh), form
        was = self.content.cells[index]
        shown = self.content.outcomes.get(was.id, NOTHING)
        if (was is cell or was == cell) and (
            cell.cell_type != "code" or _same(outcome, shown, shape.get_blob)
        ):
            return span, self.forms[index]
        text = bytes(span).decode()
        value = json_text.parse(text) if len(text) <= LARGE_CHARS else None
        template = Template(text, 0, len(text), value)
        over, form = cell_over(template, cell, outcome, shown, shape, self.style)
        return _encoded(over), form

    def _joined(
        self,
        content: Content,
        view: memoryview,
        indices: Sequence[int | None],
        bodies: Sequence[bytes | memoryview],
        forms: Sequence[SourceForm | None],
    ) -> tuple[bytes, _Known]:
        marks = [(index, f"\0{number}\0") for number, index in enumerate(indices)]
        around = self.frame.around(marks, self.style, 1)
        whole = self.text[: self.frame.opened] + around + self.text[self.frame.close + 1 :]
        parts = _MARK.split(whole)
        out: list[bytes] = []
        spans: list[tuple[int, int]] = []
        at = 0
        for position, part in enumerate(parts):
            piece = bodies[int(part)] if position % 2 else part.encode()
            if position % 2:
                spans.append((at, at + len(piece)))
            # `bytes.join` releases the GIL only if every part is `bytes`, not a memoryview.
            out.append(bytes(piece))
            at += len(piece)
        data = b"".join(out)
        view.release()
        return data, _framed(content, data, parts[::2], spans, self.style, forms)


def _same(a: CellOutputs, b: CellOutputs, get_blob: GetBlob) -> bool:
    return a is b or same_outcome(a, b, get_blob)


def _encoded(text: str) -> bytes:
    return json_text.escape_lone(text).encode()


def _framed(
    content: Content,
    data: bytes,
    between: Sequence[str],
    spans: Sequence[tuple[int, int]],
    style: Style,
    forms: Sequence[SourceForm | None],
) -> _Known:
    """Describe the file `data`; `between` are the pieces of its text around the cells."""
    places: list[Span] = []
    at = len(between[0])
    for gap in between[1:]:
        places.append(Span("", at, at, at, at + 1, None))
        at += 1 + len(gap)
    opened = between[0].rindex("[")
    close = len(_STAND_IN.join(between[:-1])) + len(_STAND_IN) + between[-1].index("]")
    text = _STAND_IN.join(between)
    return _Known(
        hashlib.sha256(data).digest(),
        content,
        text,
        Container(text, opened, close, places),
        spans,
        style,
        forms,
    )


def _known(content: Content, data: bytes) -> _Known | None:
    """Describe a file that `write` just wrote.

    Returns None if the incremental writer does not support the file's form: cells without ids,
    no cells, or several `cells` keys.
    """
    try:
        text = parse.text_of(data)
        parsed = parse.parse(text)
    except NotebookError:
        return None
    cells = parsed.cells()
    usual = (
        content.nbformat_minor >= IDS_FROM_MINOR
        and [place.key for place in parsed.members].count("cells") == 1
        and bool(cells)
        and [_id_of(place) for place in cells] == [cell.id for cell in content.cells]
    )
    if not usual:
        return None
    style = json_style.detect(text, parsed.open, parsed.members)
    between, spans = _cut(text, cells)
    forms = [source_form(place.parsed) for place in cells]
    parsed.free()
    return _framed(content, data, between, spans, style, forms)


def _cut(text: str, cells: Sequence[Span]) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the text around the cells, and the byte ranges of the cells in UTF-8."""
    between: list[str] = []
    spans: list[tuple[int, int]] = []
    done = at = 0
    for place in cells:
        between.append(text[done : place.value])
        start = at + _size(between[-1])
        at = start + _size(text[place.value : place.end])
        spans.append((start, at))
        done = place.end
    between.append(text[done:])
    return between, spans


def _size(text: str) -> int:
    """Return the length of `text` in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def _id_of(place: Span) -> object:
    return place.parsed.get("id") if isinstance(place.parsed, dict) else None
