"""A list of a document that stays fast under any number of edits.

Automerge keeps a tombstone for each deleted element of a list, and later edits pass over all
tombstones: after thousands of edits, each edit takes milliseconds. This class therefore replaces
the list by a new one after `MOST_WEAR` edited elements. The list must be short and have only one
writer, because the lists of two concurrent replacements would conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..crdt import Document, Obj, ObjId
from ..errors import DocumentError

MOST_WEAR: Final = 256


class CompactingList:
    """The list at the key `key` of the map `parent`."""

    def __init__(self, document: Document, parent: ObjId, key: str) -> None:
        """Raises `DocumentError` if the document has no list there."""
        self._document = document
        self._parent = parent
        self._key = key
        self._wear = 0
        self._obj = self._find()

    def splice(
        self, start: int, delete: int, values: Sequence[Any], *, whole: Callable[[], list[Any]]
    ) -> None:
        """Replace `delete` elements at `start` by `values`.

        `whole` returns the complete list after the edit; it is called if the list is replaced.
        """
        self._wear += delete + len(values)
        if self._wear > MOST_WEAR:
            self._wear = 0
            self._document.put(self._parent, self._key, whole())
            self._obj = self._find()
            return
        shared = min(delete, len(values))
        for offset in range(shared):
            self._document.put(self._obj, start + offset, values[offset])
        for _ in range(delete - shared):
            self._document.delete(self._obj, start + shared)
        if rest := values[shared:]:
            self._document.insert(self._obj, start + shared, rest)

    def _find(self) -> ObjId:
        try:
            value = self._document.get(self._parent, self._key)
        except KeyError:
            value = None
        if not isinstance(value, Obj):
            raise DocumentError(f"this is not a runtime document: it has no {self._key!r}")
        return value.id
