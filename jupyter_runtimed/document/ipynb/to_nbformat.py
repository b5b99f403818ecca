"""Convert content values to nbformat's JSON values.

Each method accepts the old value from the file. A part with the same meaning is then the old object
itself, in the form of the file; a changed part takes the form of the part that it replaces (one
string, or a list of lines).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .. import json_text, mime
from ..content import (
    NOTHING,
    Cell,
    CellOutputs,
    Content,
    DisplayOutput,
    ErrorOutput,
    JsonMap,
    JsonText,
    MimeValue,
    Output,
    StreamOutput,
    UnknownOutput,
)
from ..diff.output_equality import output_type, same_output, stream_text
from ..diff.text_diff import with_line_ends
from ..json_text import compact, replace_lone_surrogates
from ..mime import GetBlob
from ..schema import FORBIDDEN_KEY, IDS_FROM_MINOR
from .json_style import Lines
from .read import source_of

JsonObject: TypeAlias = dict[str, object]
Parse: TypeAlias = Callable[[str], object]

_WITH_SOURCE = frozenset({"code", "markdown", "raw"})
_LOOK_AHEAD = 50
LONG_CHARS = 256 << 10
"""Text longer than this stays one string in memory (`Lines`) instead of a list of lines."""
_NEW: Mapping[str, object] = {}
_DEFAULTS: tuple[object, ...] = (None, "", [], {})


def to_model(content: Content, *, get_blob: GetBlob) -> JsonObject:
    """Return the notebook as a model of the contents API: nbformat 4, each text one string.

    Errors: those of `get_blob`.
    """
    shape = Shape(get_blob, split=False, parse=json_text.plain)
    return shape.notebook(content)


@dataclass(frozen=True, slots=True)
class Shape:
    """Converter to JSON values; `split` divides text into lines as nbformat does."""

    get_blob: GetBlob
    split: bool = True
    parse: Parse = json_text.writable

    def notebook(self, content: Content) -> JsonObject:
        with_ids = content.nbformat_minor >= IDS_FROM_MINOR
        whole = self.top(content)
        whole["cells"] = [
            self.cell(cell, content.outcomes.get(cell.id, NOTHING), with_id=with_ids)
            for cell in content.cells
        ]
        return whole

    def top(self, content: Content, old: Mapping[str, object] = _NEW) -> JsonObject:
        """Return the members of a notebook except its cells."""
        whole = self.entries(content.extra, old)
        whole["nbformat"] = 4
        if content.nbformat_minor or not old or "nbformat_minor" in old:
            whole["nbformat_minor"] = content.nbformat_minor
        if content.metadata or not old or "metadata" in old:
            whole["metadata"] = self.entries(content.metadata, _mapping(old.get("metadata")))
        return whole

    def entries(
        self,
        entries: JsonMap,
        old: Mapping[str, object],
        as_read: Callable[[object], JsonText] = compact,
    ) -> JsonObject:
        """Return a map of JSON text as values; `as_read` converts an old value to JSON text."""
        found: JsonObject = {}
        met: set[str] = set()
        for key, value in old.items():
            if (name := replace_lone_surrogates(key)) in entries:
                met.add(name)
                same = as_read(value) == entries[name]
                found[key] = value if same else self._parsed(entries[name])
            elif name == FORBIDDEN_KEY:
                found[key] = value
        for name, text in entries.items():
            if name not in met:
                found[name] = self._parsed(text)
        return found

    def _parsed(self, text: str) -> object:
        """Return the value of JSON text, or the text itself if it is not JSON.

        A peer may write an invalid entry, and one bad entry must not prevent a save.
        """
        try:
            return self.parse(text)
        except (ValueError, RecursionError):
            return text

    def cell(
        self,
        cell: Cell,
        outcome: CellOutputs,
        *,
        with_id: bool,
        old: Mapping[str, object] = _NEW,
        old_outputs: Sequence[Output] = (),
    ) -> JsonObject:
        """Return a cell; `old_outputs` are the outputs of `old` as content values."""
        known: JsonObject = {
            "cell_type": _text(cell.cell_type, old.get("cell_type")),
            "source": self._source(cell.source, old.get("source")),
            "metadata": self._cell_metadata(cell.metadata, _mapping(old.get("metadata"))),
            "attachments": self._attachments(cell.attachments, _mapping(old.get("attachments"))),
        }
        if cell.cell_type == "code":
            raw = old.get("outputs")
            known["execution_count"] = outcome.execution_count
            known["outputs"] = self._outputs(
                outcome.outputs, raw if isinstance(raw, list) else [], old_outputs
            )
        retyped = old.get("cell_type") != known["cell_type"]
        optional = {"attachments"} if retyped else set(known) - {"cell_type"}
        if cell.cell_type not in _WITH_SOURCE:
            optional.add("source")
        found = self._with_extra(known, cell.extra, old, optional)
        found.pop("id", None)
        if with_id:
            found["id"] = _text(cell.id, old.get("id"))
        elif "id" in old:
            found["id"] = old["id"]
        return found

    def _with_extra(
        self, known: JsonObject, extra: JsonMap, old: Mapping[str, object], optional: set[str]
    ) -> JsonObject:
        """Return the known keys followed by the unknown ones.

        An optional key with an empty value is left out unless the file has the key. A known key in
        `extra` holds a value of the wrong type from the file; the value is written until the key
        gets a valid, non-empty value.
        """
        found = {
            key: value
            for key, value in known.items()
            if key not in optional or key in old or value not in _DEFAULTS
        }
        old_extra = {
            key: value
            for key, value in old.items()
            if key not in known or replace_lone_surrogates(key) in extra
        }
        unknown = self.entries(extra, old_extra)
        return found | {
            key: value
            for key, value in unknown.items()
            if key not in known or known[key] in _DEFAULTS
        }

    def _source(self, text: str, old: object) -> object:
        whole = mime.joined(old)
        if whole is None:
            return self._lines(text)
        if source_of(whole) == text:
            return old
        # Keep the line ends of a new text that holds carriage returns itself.
        returns = "\r" in whole and "\r" not in text
        return self._like(with_line_ends(text, whole) if returns else text, old)

    def _lines(self, text: str) -> object:
        return _split(text) if self.split else text

    def _like(self, text: str, old: object) -> object:
        """Return text in the form of the old value: one string, or a list of lines."""
        whole = mime.joined(old)
        if whole is None:
            return self._lines(text)
        if replace_lone_surrogates(whole) == text:
            return old
        if isinstance(old, str):
            # An empty string shows nothing about the form that the file uses for text.
            return self._lines(text) if self.split and not old else text
        if isinstance(old, list) and old != whole.splitlines(keepends=True):
            parts = text.split("\n")
            lines = [part + "\n" for part in parts[:-1]]
            return [*lines, parts[-1]] if parts[-1] else lines
        return _split(text)

    def _cell_metadata(self, metadata: JsonMap, old: Mapping[str, object]) -> JsonObject:
        found = self.entries(metadata, old)
        if "trusted" in old:
            found["trusted"] = old["trusted"]
        return found

    def _attachments(self, attachments: JsonMap, old: Mapping[str, object]) -> JsonObject:
        def as_read(bundle: object) -> JsonText:
            return compact(mime.bundle_of(bundle) if isinstance(bundle, dict) else bundle)

        found = self.entries(attachments, old, as_read)
        for name, bundle in found.items():
            if isinstance(bundle, dict) and bundle is not old.get(name):
                before = _mapping(old.get(name))
                found[name] = {
                    key: self._mime_text(key, value, before.get(key))
                    if isinstance(value, str)
                    else value
                    for key, value in bundle.items()
                }
        return found

    def _outputs(
        self, outputs: Sequence[Output], raw: Sequence[object], read: Sequence[Output]
    ) -> list[object]:
        """Return the outputs; outputs that equal one of the file, in order, are its values."""
        found: list[object] = []
        at = 0
        for index, output in enumerate(outputs):
            here = next(
                (i for i in range(at, len(read)) if same_output(output, read[i], self.get_blob)),
                None,
            )
            if here is not None:
                found.append(raw[here])
                at = here + 1
                continue
            place = index if len(outputs) == len(read) else at
            before = _mapping(raw[place]) if place < len(raw) else _NEW
            alike = before.get("output_type") == output_type(output)
            found.append(self.output(output, before if alike else _NEW))
        return found

    def output(self, output: Output, old: Mapping[str, object] = _NEW) -> JsonObject:
        known: JsonObject = {"output_type": output_type(output)}
        match output:
            case StreamOutput():
                text = stream_text(output, self.get_blob)
                known |= {"name": output.name, "text": self._like(text, old.get("text"))}
            case DisplayOutput():
                known |= self._display(output, old)
            case ErrorOutput():
                known |= {
                    "ename": output.ename,
                    "evalue": mime.shown(output.evalue, get_blob=self.get_blob)[0],
                    "traceback": mime.lines_of(output.traceback, get_blob=self.get_blob),
                }
            case UnknownOutput():
                pass
        optional = set(known) - {"output_type"} if old else set[str]()
        return self._with_extra(known, output.extra, old, optional)

    def _display(self, output: DisplayOutput, old: Mapping[str, object]) -> JsonObject:
        data, metadata = _mapping(old.get("data")), old.get("metadata", {})
        names = {replace_lone_surrogates(key): key for key in data}
        known: JsonObject = {
            "data": {
                names.get(key, key): self._value(key, value, data.get(names.get(key, key)))
                for key, value in output.data.items()
            },
            "metadata": metadata
            if compact(metadata) == output.metadata
            else self._parsed(output.metadata),
        }
        if output.type == "execute_result":
            known["execution_count"] = output.execution_count
        return known

    def _value(self, key: str, value: MimeValue, old: object) -> object:
        text, is_text = mime.shown(value, get_blob=self.get_blob)
        return self._mime_text(key, text, old) if is_text else self._parsed(text)

    def _mime_text(self, key: str, text: str, old: object) -> object:
        if not (isinstance(old, str) or (isinstance(old, list) and not mime.is_json(key))):
            return self._lines(text) if mime.is_split(key) else text
        return self._like(text, old)


def _split(text: str) -> object:
    return Lines(text) if len(text) > LONG_CHARS else text.splitlines(keepends=True)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(text: str, old: object) -> object:
    return old if isinstance(old, str) and replace_lone_surrogates(old) == text else text
