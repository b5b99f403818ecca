"""Rebase the pending changes of a peer onto a fresh copy of the notebook.

If the fresh copy has the same history, the pending changes are applied to it unchanged. If they
cannot be applied (the server refused them, the history is another one, or a change that they depend
on was lost), their edits are written as new changes. Each local edit is computed against the
version that it was made on, so edits of other peers are not repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..crdt import Change, Heads, engine_errors
from ..document.notebook import Notebook
from ..errors import TooLarge
from ..ids import CellId
from .actor_ids import ActorIds
from .events import Rebased
from .local_edits import EMPTY, LocalEdits
from .pending_changes import PendingChanges
from .text_rebase import TextRebase


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first refusal since the last sync; `drop`: pending changes must not be sent again."""

    code: str
    reason: str
    drop: bool

    def and_another(self, code: str, *, again: bool) -> Refusal:
        """Add a further refusal. `again`: the refused change was itself the result of a rebase.

        A rebased change that is refused is dropped, because a second rebase would be refused too.
        """
        drop = self.drop or again or code in ("read-only", TooLarge.code)
        return replace(self, drop=drop)


@dataclass(frozen=True, slots=True)
class RebaseResult:
    """The result of a rebase.

    `notebook` is the fresh copy with the rebased edits uncommitted, `ledger` its pending changes,
    `heads` its version without the uncommitted edits.
    """

    notebook: Notebook
    ledger: PendingChanges
    heads: Heads
    rebased: Rebased | None = None


def rebase(
    old: Notebook | None,
    load: Callable[[], Notebook],
    ledger: PendingChanges,
    identity: ActorIds,
    *,
    same_line: bool,
    had: Heads,
    refusal: Refusal | None,
    may_write: bool,
) -> RebaseResult:
    """Replace `old` by the copy that `load` returns, and rebase the pending changes onto it.

    `same_line` states whether both have the same history (epoch). If not, the fresh copy contains
    the effect of the changes `had` and of all earlier ones. `refusal` is the reason for the fresh
    copy, if the server refused a change. Raises `DocumentError` if a document cannot be read.
    """
    fresh = load()
    new_ledger = PendingChanges(fresh.heads)
    if old is None:
        return RebaseResult(fresh, new_ledger, fresh.heads)
    for change in ledger.own:
        if same_line and fresh.document.has(change.hash):
            # The server received this change but has not acknowledged it as durable.
            new_ledger.add_local(change)
            new_ledger.mark_received(change.hash)
    lost = _lacking(old, fresh) if same_line else ledger.not_in(had)
    own = [change for change in lost if identity.wrote(change)]
    as_they_are = _fitting(own, old, fresh) if same_line and refusal is None else []
    rest = own[len(as_they_are) :]
    fresh.apply(as_they_are)
    for change in as_they_are:
        new_ledger.add_local(change)
    heads = fresh.heads
    if not rest:
        return RebaseResult(fresh, new_ledger, heads)
    first = refusal or Refusal("", "", drop=False)
    steps = [_Step.of(old, run) for run in _runs(rest)]
    applied, dropped = EMPTY, _all(steps)
    if may_write and not first.drop:
        words = TextRebase(old, fresh, same_line=same_line)
        applied, dropped = _write_anew(steps, fresh, _known(old, lost), words)
    return RebaseResult(
        fresh, new_ledger, heads, Rebased(applied, dropped, first.code, first.reason)
    )


def _lacking(old: Notebook, fresh: Notebook) -> Sequence[Change]:
    """Return the changes that the fresh copy of the same history lacks, oldest first."""
    known = [head for head in fresh.heads if old.document.has(head)]
    later = old.document.changes_after(known)
    return [change for change in later if not fresh.document.has(change.hash)]


def _fitting(own: Sequence[Change], old: Notebook, fresh: Notebook) -> Sequence[Change]:
    """Return the longest prefix of `own` whose dependencies the fresh copy has.

    The result is empty if these changes add a cell that the copy already has. In this case another
    peer added the cell again because its first addition was lost, and of two maps with the same id
    Automerge would keep only one.
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
    """The edits of consecutive local changes, with no change of another peer between them."""

    intent: LocalEdits
    before: Notebook
    after: Notebook

    @staticmethod
    def of(old: Notebook, run: Sequence[Change]) -> _Step:
        with engine_errors("the pending edits cannot be rebased"):
            before = Notebook(old.document.fork_at(run[0].deps))
            after = Notebook(old.document.fork_at((run[-1].hash,)))
            return _Step(LocalEdits.between(before, after), before, after)


def _runs(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """Split `changes` into runs in which each change depends on the previous one alone."""
    start = 0
    for i in range(1, len(changes) + 1):
        if i == len(changes) or tuple(changes[i].deps) != (changes[i - 1].hash,):
            yield changes[start:i]
            start = i


def _write_anew(
    steps: Sequence[_Step], fresh: Notebook, known: frozenset[CellId], words: TextRebase
) -> tuple[LocalEdits, LocalEdits]:
    """Apply each step to `fresh`; return the applied edits and the dropped ones.

    `known` are the cells of the old document without the lost changes: one that `fresh` lacks was
    deleted by another peer. A cell outside `known` was never added to `fresh`, so the whole cell is
    added again.
    """
    applied = dropped = EMPTY
    for step in steps:
        words.advance_remote(step.before)
        unmade = [c for c in step.intent.edited() - known if c not in fresh and c in step.after]
        intent = step.intent.with_whole(map(step.after.cell, unmade)) if unmade else step.intent
        done, left = intent.apply_to(fresh, but_texts_of=words.cells())
        applied, dropped = applied.then(done), dropped.then(left)
        words.advance_local(step.after)
    words.write()
    return applied, dropped


def _all(steps: Sequence[_Step]) -> LocalEdits:
    meant = EMPTY
    for step in steps:
        meant = meant.then(step.intent)
    return meant


def _known(old: Notebook, lost: Sequence[Change]) -> frozenset[CellId]:
    """Return the cells of `old` without the changes `lost`."""
    hashes = {change.hash for change in lost}
    around = [*old.heads, *(dep for change in lost for dep in change.deps)]
    kept = sorted(set(around) - hashes)
    with engine_errors("the pending edits cannot be rebased"):
        return frozenset(Notebook(old.document.fork_at(kept)).order)
