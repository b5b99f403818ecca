"""The users who wrote the changes of a notebook.

A change carries an actor, and the room knows the user of each actor that connected to it. Changes
from before the room was opened, and changes of programs that wrote the file, have no known author.
"""

from __future__ import annotations

from ..crdt import Document, Heads, ObjId, has_heads
from ..protocol.frames import PREFIX_BYTES
from .events import User
from .sessions import Session

MAX_KNOWN = 1000
"""Most actors that are remembered; the oldest are forgotten first."""


class Authors:
    """The user of each actor."""

    def __init__(self) -> None:
        self._users: dict[bytes, User] = {}

    def note(self, session: Session) -> None:
        """Remember the user of this session's actors."""
        for prefix in session.prefixes:
            self._users[prefix] = session.user
        while len(self._users) > MAX_KNOWN:
            del self._users[next(iter(self._users))]

    def since(self, document: Document, heads: Heads, *, besides: ObjId | None) -> list[User]:
        """Return the known authors of the changes after `heads`, each once, sorted by username.

        A change that touches only the object `besides` does not count.
        """
        if not has_heads(document, heads):
            return []
        actors = {
            change.actor[:PREFIX_BYTES]
            for change in document.changes_after(heads)
            if any(op.obj != besides for op in change.distinct_ops)
        }
        found = {user.username: user for actor in actors if (user := self._users.get(actor))}
        return [found[name] for name in sorted(found)]
