"""The versions of a notebook: every change made one; minutes and heads give them names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..crdt import Change, Document, Heads, heads_of, holds
from ..errors import NotFound, PeerError

MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Version:
    """What the notebook was after the last change of a minute. `changes`: how many that minute."""

    heads: Heads
    time: int
    changes: int

    @property
    def when(self) -> str:
        return datetime.fromtimestamp(self.time).isoformat(sep=" ")

    @property
    def name(self) -> str:
        return ",".join(head[:12] for head in self.heads)


def versions(document: Document) -> list[Version]:
    """Oldest first, one for each minute in which there was an edit."""
    found: list[Version] = []
    heads: set[str] = set()
    for change in document.changes_after([]):
        heads -= set(change.deps)
        heads.add(change.hash)
        if not change.time:
            continue  # what every document begins with; nobody wrote it
        last = found[-1] if found else None
        if last is not None and change.time - last.time // MINUTE_SECONDS * MINUTE_SECONDS < 60:
            now = Version(tuple(sorted(heads)), max(change.time, last.time), last.changes + 1)
            found[-1] = now
        else:
            found.append(Version(tuple(sorted(heads)), change.time, 1))
    return found


def at_time(document: Document, moment: str) -> Heads:
    """The heads of everything written until then. Raises `PeerError`, `NotFound`."""
    try:
        until = datetime.fromisoformat(moment).timestamp()
    except ValueError as error:
        raise PeerError(f"{moment} is no time; write it as 2026-11-23T14:30") from error
    taken = list(_until(document, until))
    if not any(change.time for change in taken):
        raise NotFound(f"the notebook has no version of {moment}; its history begins later")
    heads = {change.hash for change in taken}
    for change in taken:
        heads -= set(change.deps)
    return tuple(sorted(heads))


def named(document: Document, name: str) -> Heads:
    """The heads that these hashes, or beginnings of hashes, name. Raises `NotFound`."""
    parts = name.split(",")
    if holds(document, parts):
        return tuple(sorted(parts))
    known = [change.hash for change in document.changes_after([])]
    return tuple(sorted(_the_one(known, part) for part in parts))


def newest(document: Document) -> Heads:
    return heads_of(document)


def _until(document: Document, until: float) -> Iterator[Change]:
    """Changes that are not later, and build on nothing later: clocks differ."""
    taken: set[str] = set()
    for change in document.changes_after([]):
        if change.time <= until and taken.issuperset(change.deps):
            taken.add(change.hash)
            yield change


def _the_one(known: Sequence[str], beginning: str) -> str:
    fits = [it for it in known if beginning and it.startswith(beginning)]
    if len(fits) != 1:
        raise NotFound(f"the notebook has no one version {beginning}; --list lists its versions")
    return fits[0]
