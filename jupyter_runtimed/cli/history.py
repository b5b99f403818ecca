"""The versions of a notebook, grouped by minute and named by their heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..crdt import Change, Document, Heads, has_heads
from ..errors import NotFound, PeerError

MINUTE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Version:
    """The notebook after a minute's last change.

    `time` is the Unix time of that change; `changes` is the number of changes in that minute.
    """

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
    """Return a document's versions, oldest first, one for each minute with edits."""
    found: list[Version] = []
    heads: set[str] = set()
    for change in document.changes_after([]):
        heads -= set(change.deps)
        heads.add(change.hash)
        if not change.time:
            continue  # the common first change of every document
        last = found[-1] if found else None
        if last is not None and change.time - last.time // MINUTE_SECONDS * MINUTE_SECONDS < 60:
            now = Version(tuple(sorted(heads)), max(change.time, last.time), last.changes + 1)
            found[-1] = now
        else:
            found.append(Version(tuple(sorted(heads)), change.time, 1))
    return found


class History:
    """The documents of a notebook in the order of time; `documents` has the current one first."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.newest, *former = documents
        self._documents = [*sorted(former, key=_last_time), self.newest]

    def versions(self) -> list[Version]:
        """Return the versions of all documents, oldest first."""
        return [version for document in self._documents for version in versions(document)]

    def at_time(self, moment: str) -> tuple[Document, Heads]:
        """Return the document and heads of the version at an ISO 8601 local time.

        Raises `PeerError` for a malformed time, `NotFound` for a time before the history.
        """
        try:
            until = datetime.fromisoformat(moment).timestamp()
        except ValueError as error:
            raise PeerError(f"{moment} is not a time; write it as 2026-11-23T14:30") from error
        for document in reversed(self._documents):
            taken = list(_until(document, until))
            if any(change.time for change in taken):
                heads = {change.hash for change in taken}
                for change in taken:
                    heads -= set(change.deps)
                return document, tuple(sorted(heads))
        raise NotFound(f"the notebook has no version at {moment}; its history begins later")

    def named(self, name: str) -> tuple[Document, Heads]:
        """Return the document and heads that `name` identifies.

        `name` consists of hashes or beginnings of hashes, separated by commas. Raises `NotFound`.
        """
        parts = name.split(",")
        for document in reversed(self._documents):
            if has_heads(document, parts):
                return document, tuple(sorted(parts))
            known = [change.hash for change in document.changes_after([])]
            fits = [[it for it in known if part and it.startswith(part)] for part in parts]
            if all(len(fit) == 1 for fit in fits):
                return document, tuple(sorted(fit[0] for fit in fits))
        raise NotFound(f"no single version of the notebook matches {name}; see --list")


def _until(document: Document, until: float) -> Iterator[Change]:
    """Yield the changes until a Unix time, without changes that depend on a later change.

    A change can have an earlier time than its dependency, because clocks differ.
    """
    taken: set[str] = set()
    for change in document.changes_after([]):
        if change.time <= until and taken.issuperset(change.deps):
            taken.add(change.hash)
            yield change


def _last_time(document: Document) -> int:
    return max((change.time for change in document.changes_after([])), default=0)
