"""A copy of a document that only patches keep up to date."""

from __future__ import annotations

from typing import Any

from pyautomerge import ROOT, Counter, Document, Obj, Patch


def plain(value: Any, made: dict[str, Any]) -> Any:
    """Return a value of a patch; a container is empty, because later patches fill it."""
    if not isinstance(value, Obj):
        return value
    made[value.id] = {"map": dict, "table": dict, "list": list, "text": list}[value.kind]()
    return made[value.id]


class Mirror:
    """The copy. Text is a list of units, so that patches and list positions count alike."""

    def __init__(self, doc: Document) -> None:
        self._unit = doc.text_unit
        self._objects: dict[str, Any] = {ROOT: {}}
        self.follow(doc.diff([], doc.heads()))

    def _units(self, text: str) -> list[str]:
        if self._unit == "unicode":
            return list(text)
        if self._unit == "utf8":
            return [chr(byte) for byte in text.encode()]
        data = text.encode("utf-16-le")
        return [chr(data[at] + 256 * data[at + 1]) for at in range(0, len(data), 2)]

    def follow(self, patches: list[Patch]) -> None:
        for patch in patches:
            self._follow(patch)

    def _follow(self, patch: Patch) -> None:
        obj, prop = self._objects[patch.obj], patch.prop
        match patch.action:
            case "put":
                obj[prop] = plain(patch.value, self._objects)
            case "insert":
                assert patch.values is not None
                obj[prop:prop] = [plain(value, self._objects) for value in patch.values]
            case "splice":
                assert patch.text is not None
                obj[prop:prop] = self._units(patch.text)
            case "delete" if isinstance(prop, str):
                del obj[prop]
            case "delete":
                assert patch.length is not None and len(obj[prop : prop + patch.length]) > 0
                assert prop + patch.length <= len(obj)
                del obj[prop : prop + patch.length]
            case "increment":
                obj[prop] = Counter(obj[prop].value + patch.by)

    def assert_shows(self, doc: Document) -> None:
        assert self._objects[ROOT] == self._tree(doc, ROOT)

    def _tree(self, doc: Document, obj: str) -> Any:
        match doc.kind(obj):
            case "text":
                return self._units(doc.text(obj))
            case "list":
                return [self._leaf(doc, value) for _, value in doc.items(obj)]
            case _:
                return {key: self._leaf(doc, value) for key, value in doc.items(obj)}

    def _leaf(self, doc: Document, value: Any) -> Any:
        return self._tree(doc, value.id) if isinstance(value, Obj) else value
