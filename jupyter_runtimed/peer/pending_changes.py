"""Pending changes: local changes of a document that the server has not acknowledged as durable.

Invariant: local changes form a chain, because each depends on the previous one. A server that holds
one of them therefore holds all earlier ones. The same follows from a change of another peer that
depends on a local change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..crdt import Change
from ..protocol.frames import Heads


class PendingChanges:
    """Pending changes in their order; `shared` is the newest version known to the server."""

    def __init__(self, shared: Iterable[str] = ()) -> None:
        self._shared = set(shared)
        self._own: dict[str, Change] = {}
        self._there: set[str] = set()

    @property
    def shared(self) -> Heads:
        return tuple(sorted(self._shared))

    @property
    def own(self) -> Sequence[Change]:
        """The pending changes, oldest first."""
        return tuple(self._own.values())

    @property
    def unacked(self) -> int:
        return len(self._own)

    def to_resend(self) -> Sequence[Change]:
        """Return the changes to send after a sync.

        If the server has received all pending changes, return the newest again. The repetition is
        harmless, and its acknowledgement replaces acknowledgements that were lost.
        """
        missing = [change for change in self._own.values() if change.hash not in self._there]
        return missing or self.own[-1:]

    def not_in(self, had: Iterable[str]) -> Sequence[Change]:
        """Return the pending changes after the last change in `had`."""
        own = list(self._own)
        known = [own.index(hash_) + 1 for hash_ in had if hash_ in self._own]
        return self.own[max(known, default=0) :]

    def add_local(self, change: Change) -> None:
        """Add a local change."""
        self._own[change.hash] = change

    def received(self, change: Change) -> None:
        """Note a change from the server that was new to this replica."""
        for dep in change.deps:
            self.mark_received(dep)
        self._add(change)

    def mark_received(self, hash_: str) -> None:
        """Note that the server holds a pending change; other hashes have no effect."""
        if hash_ not in self._own or hash_ in self._there:
            return
        for change in self._own.values():
            if change.hash not in self._there:
                self._there.add(change.hash)
                self._add(change)
            if change.hash == hash_:
                return

    def acknowledge(self, heads: Heads, after: Callable[[Heads], Iterable[Change]]) -> None:
        """Remove the pending changes up to `heads`, because they are durable.

        The document must contain all `heads`; `after` returns the changes that follow them.
        """
        if not self._own:
            return
        if len(heads) == 1 and heads[0] in self._own:
            self._settle(heads[0])
            return
        later = {change.hash for change in after(heads)}
        if kept := [hash_ for hash_ in self._own if hash_ not in later]:
            self._settle(kept[-1])

    def _settle(self, hash_: str) -> None:
        self.mark_received(hash_)
        while self._own:
            own = next(iter(self._own))
            del self._own[own]
            self._there.discard(own)
            if own == hash_:
                return

    def _add(self, change: Change) -> None:
        self._shared.difference_update(change.deps)
        self._shared.add(change.hash)
