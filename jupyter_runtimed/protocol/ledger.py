"""What the server is known to hold of one document, and which own changes are not durable there.

Own changes form a chain: each is made upon the one before. So a server that holds one of them holds
all before it, and so does every change of somebody else that was built upon one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..crdt import Change
from .frames import Heads


class Ledger:
    """`shared` is the newest version of which it is known that the server has it."""

    def __init__(self, shared: Iterable[str] = ()) -> None:
        self._shared = set(shared)
        self._own: dict[str, Change] = {}
        self._there: set[str] = set()

    @property
    def shared(self) -> Heads:
        return tuple(sorted(self._shared))

    @property
    def own(self) -> Sequence[Change]:
        """Own changes that are not durable, oldest first."""
        return tuple(self._own.values())

    @property
    def unacked(self) -> int:
        return len(self._own)

    def unsure(self) -> Sequence[Change]:
        """What to send when the server has just said what it has.

        If it has everything, the newest change in doubt once more: that is harmless, and its
        acknowledgement settles those whose own was lost.
        """
        missing = [change for change in self._own.values() if change.hash not in self._there]
        return missing or self.own[-1:]

    def beyond(self, had: Iterable[str]) -> Sequence[Change]:
        """`own` without what was in a document that had these changes."""
        own = list(self._own)
        known = [own.index(hash_) + 1 for hash_ in had if hash_ in self._own]
        return self.own[max(known, default=0) :]

    def made(self, change: Change) -> None:
        self._own[change.hash] = change

    def received(self, change: Change) -> None:
        """The server sent this change; call it for changes that were not held before."""
        for dep in change.deps:
            self.there(dep)
        self._add(change)

    def there(self, hash_: str) -> None:
        """The server holds this change; nothing happens if it is not an own one in doubt."""
        if hash_ not in self._own or hash_ in self._there:
            return
        for change in self._own.values():
            if change.hash not in self._there:
                self._there.add(change.hash)
                self._add(change)
            if change.hash == hash_:
                return

    def durable(self, heads: Heads, after: Callable[[Heads], Iterable[Change]]) -> None:
        """The server will not lose `heads`, all held here; `after` gives what follows them."""
        if not self._own:
            return
        if len(heads) == 1 and heads[0] in self._own:
            self._settle(heads[0])
            return
        later = {change.hash for change in after(heads)}
        if kept := [hash_ for hash_ in self._own if hash_ not in later]:
            self._settle(kept[-1])

    def _settle(self, hash_: str) -> None:
        self.there(hash_)
        while self._own:
            own = next(iter(self._own))
            del self._own[own]
            self._there.discard(own)
            if own == hash_:
                return

    def _add(self, change: Change) -> None:
        self._shared.difference_update(change.deps)
        self._shared.add(change.hash)
