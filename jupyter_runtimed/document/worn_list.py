"""A list in a document that is edited for ever.

Every edit of a list leaves something behind that later edits of it must pass by: after thousands,
each costs milliseconds. So after a while the list is put anew, whole. Only for lists with one
writer (two could each put one) and little in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..crdt import Document, Obj, ObjId
from ..errors import DocumentError

MOST_WEAR: Final = 256


class WornList:
    """The list at a key of a map."""

    def __init__(self, document: Document, parent: ObjId, key: str) -> None:
        """Raises `DocumentError` if there is none."""
        self._document = document
        self._parent = parent
        self._key = key
        self._wear = 0
        self._obj = self._find()

    def splice(
        self, start: int, delete: int, values: Sequence[Any], *, whole: Callable[[], list[Any]]
    ) -> None:
        """Put `values` in place of `delete` elements; `whole` gives the list as it is then."""
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
