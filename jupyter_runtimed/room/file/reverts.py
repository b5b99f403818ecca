"""Reverts to a checkpoint, and their undo.

The contents manager restores a checkpoint into the file when a user requests it. The room remembers
the version of each checkpoint, to list the users whose work a revert removes, and the content
before each revert, to undo it. It remembers both as long as it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ...crdt import Heads
from ...document.content import Content
from ...document.file_version import FileVersion
from ...document.notebook import Notebook
from ...errors import NotFound
from ...ids import NewId
from .. import events as ev
from ..authors import Authors

MOST_REVERTS: Final = 5
MOST_CHECKPOINTS: Final = 100


@dataclass(frozen=True, slots=True)
class Revert:
    """A revert: the content of the notebook `before`, and the version of the file `after`."""

    before: Content
    after: FileVersion


class Reverts:
    """The checkpoints and the recent reverts of a room."""

    def __init__(self, authors: Authors, new_id: NewId) -> None:
        self._authors = authors
        self._new_id = new_id
        self._checkpoints: dict[str, Heads] = {}
        self._reverts: dict[str, Revert] = {}

    def checkpointed(self, checkpoint: str, heads: Heads) -> None:
        """Remember the version of the notebook that a checkpoint holds."""
        self._checkpoints.pop(checkpoint, None)
        self._checkpoints[checkpoint] = heads
        while len(self._checkpoints) > MOST_CHECKPOINTS:
            del self._checkpoints[next(iter(self._checkpoints))]

    def preview(self, checkpoint: str, notebook: Notebook, asker: ev.User) -> Mapping[str, Any]:
        """Return the users other than `asker` whose work a revert to this checkpoint removes.

        The result has the keys `heads`, the version of the checkpoint (None if unknown), and
        `people`, the names of the other users who changed the notebook since then. Changes of the
        notebook metadata do not count, because browsers write the kernel's details into it.
        """
        heads = self._checkpoints.get(checkpoint)
        authors = self._authors.since(
            notebook.document, heads or (), besides=notebook.metadata_object
        )
        others = [user.name for user in authors if user.username != asker.username]
        return {"heads": None if heads is None else list(heads), "people": others}

    def reverted(self, before: Content, after: FileVersion) -> str:
        """Remember the content before a revert; return the id of the revert."""
        revert = self._new_id()
        self._reverts[revert] = Revert(before, after)
        while len(self._reverts) > MOST_REVERTS:
            del self._reverts[next(iter(self._reverts))]
        return revert

    def take(self, revert: str) -> Revert:
        """Remove and return a revert. Raises `NotFound` if it was undone or is too old."""
        found = self._reverts.pop(revert, None)
        if found is None:
            raise NotFound(
                "this revert was undone already, or is too old to be undone; "
                "`jupyter runtimed export --list` lists the versions of a notebook"
            )
        return found
