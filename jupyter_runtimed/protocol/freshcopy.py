"""Going over to a fresh copy of the notebook without losing what the server does not have.

With the same history behind it, own changes are simply applied to the copy. Where that cannot be (a
refusal, another history, a change that they build on is gone), what they meant is written anew: own
changes only, each against what it was made upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..crdt import Change, Heads, own_errors
from ..document.notebook import Notebook
from ..errors import TooLarge
from ..ids import CellId
from .happened import Rebased
from .identity import Identity
from .intent import NOTHING_MEANT, Intent
from .ledger import Ledger
from .ownwords import OwnWords


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first refusal since the last sync; `drop`: what was not sent must not be tried again."""

    code: str
    reason: str
    drop: bool

    def and_another(self, code: str, *, again: bool) -> Refusal:
        """`again`: what was refused had been written anew, so it would be refused for ever."""
        drop = self.drop or again or code in ("read-only", TooLarge.code)
        return replace(self, drop=drop)


@dataclass(frozen=True, slots=True)
class Carried:
    """The copy; what is known of it; its version before `rebased` was written (pending) into it."""

    notebook: Notebook
    ledger: Ledger
    heads: Heads
    rebased: Rebased | None = None


def carry_over(
    old: Notebook | None,
    load: Callable[[], Notebook],
    ledger: Ledger,
    identity: Identity,
    *,
    same_line: bool,
    had: Heads,
    refusal: Refusal | None,
    may_write: bool,
) -> Carried:
    """Go from `old` to what `load` gives; `same_line`: both have one history. If not, `had` are
    the last changes of which the fresh copy has what they did.
    """
    fresh = load()
    new_ledger = Ledger(fresh.heads)
    if old is None:
        return Carried(fresh, new_ledger, fresh.heads)
    for change in ledger.own:
        if same_line and fresh.document.has(change.hash):
            # The server has it, and has not said that it will not lose it.
            new_ledger.made(change)
            new_ledger.there(change.hash)
    lost = _lacking(old, fresh) if same_line else ledger.beyond(had)
    own = [change for change in lost if identity.wrote(change)]
    as_they_are = _fitting(own, old, fresh) if same_line and refusal is None else []
    rest = own[len(as_they_are) :]
    fresh.apply(as_they_are)
    for change in as_they_are:
        new_ledger.made(change)
    heads = fresh.heads
    if not rest:
        return Carried(fresh, new_ledger, heads)
    first = refusal or Refusal("", "", drop=False)
    steps = [_Step.of(old, run) for run in _runs(rest)]
    applied, dropped = NOTHING_MEANT, _all(steps)
    if may_write and not first.drop:
        words = OwnWords(old, fresh, same_line=same_line)
        applied, dropped = _write_anew(steps, fresh, _known(old, lost), words)
    return Carried(fresh, new_ledger, heads, Rebased(applied, dropped, first.code, first.reason))


def _lacking(old: Notebook, fresh: Notebook) -> Sequence[Change]:
    """What the fresh copy of the same history does not have, oldest first."""
    known = [head for head in fresh.heads if old.document.has(head)]
    later = old.document.changes_after(known)
    return [change for change in later if not fresh.document.has(change.hash)]


def _fitting(own: Sequence[Change], old: Notebook, fresh: Notebook) -> Sequence[Change]:
    """The first of these, as many as build on nothing that is lost.

    None if they make a cell that is there: somebody wrote it anew because its making was lost, and
    of two cells with one id only one would stay.
    """
    fitting: list[Change] = []
    known: set[str] = set()
    for change in own:
        if not all(dep in known or fresh.document.has(dep) for dep in change.deps):
            break
        known.add(change.hash)
        fitting.append(change)
    for run in _runs(fitting):
        if any(cell.id in fresh for cell in _Step.of(old, run).intent.added):
            return []
    return fitting


@dataclass(frozen=True, slots=True)
class _Step:
    """What own changes in a row did, without anything that others did in between."""

    intent: Intent
    before: Notebook
    after: Notebook

    @staticmethod
    def of(old: Notebook, run: Sequence[Change]) -> _Step:
        with own_errors("the notebook cannot be re-based"):
            before = Notebook(old.document.fork_at(run[0].deps))
            after = Notebook(old.document.fork_at((run[-1].hash,)))
            return _Step(Intent.between(before, after), before, after)


def _runs(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Parts in which each change builds on the one before and on nothing else."""
    start = 0
    for i in range(1, len(changes) + 1):
        if i == len(changes) or tuple(changes[i].deps) != (changes[i - 1].hash,):
            yield changes[start:i]
            start = i


def _write_anew(
    steps: Sequence[_Step], fresh: Notebook, known: frozenset[CellId], words: OwnWords
) -> tuple[Intent, Intent]:
    """Put each step on `fresh`: what was written, and what found no place.

    `known`: cells that are gone from `fresh` because somebody deleted them. Any other was never
    made there, so it comes back whole with the words in it.
    """
    applied = dropped = NOTHING_MEANT
    for step in steps:
        words.others(step.before)
        unmade = [c for c in step.intent.edited() - known if c not in fresh and c in step.after]
        intent = step.intent.with_whole(map(step.after.cell, unmade)) if unmade else step.intent
        done, left = intent.put_on(fresh, but_texts_of=words.cells())
        applied, dropped = applied.then(done), dropped.then(left)
        words.own(step.after)
    words.write()
    return applied, dropped


def _all(steps: Sequence[_Step]) -> Intent:
    meant = NOTHING_MEANT
    for step in steps:
        meant = meant.then(step.intent)
    return meant


def _known(old: Notebook, lost: Sequence[Change]) -> frozenset[CellId]:
    """The cells of `old` as it was without `lost`."""
    hashes = {change.hash for change in lost}
    around = [*old.heads, *(dep for change in lost for dep in change.deps)]
    kept = sorted(set(around) - hashes)
    with own_errors("the notebook cannot be re-based"):
        return frozenset(Notebook(old.document.fork_at(kept)).order)
