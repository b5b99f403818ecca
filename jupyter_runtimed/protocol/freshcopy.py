"""Going over to a fresh copy of the notebook without losing what the server does not have.

With the same history behind it, own changes are simply applied to the copy. Where that cannot be (a
refusal, another history, a change that they build on is gone), what they meant is written anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..crdt import Change, Heads, holds, own_errors
from ..document.notebook import Notebook
from ..errors import TooLarge
from .happened import Rebased
from .identity import Identity
from .intent import NOTHING_MEANT, Intent
from .ledger import Ledger


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
    refusal: Refusal | None,
    may_write: bool,
) -> Carried:
    """Go from `old` to what `load` gives; `same_line`: both have one history."""
    fresh = load()
    new_ledger, heads = Ledger(fresh.heads), fresh.heads
    own = [] if old is None else _own_beyond(old, fresh, ledger, identity, same_line=same_line)
    if old is None or not own:
        return Carried(fresh, new_ledger, heads)
    if same_line and refusal is None:
        fresh.apply(own)
        if holds(fresh.document, [change.hash for change in own]):
            for change in own:
                new_ledger.made(change)
            return Carried(fresh, new_ledger, fresh.heads)
        fresh = load()
    there = [c.hash for c in ledger.own if same_line and fresh.document.has(c.hash)]
    intent = _intent(old, (*ledger.shared, *there))
    first = refusal or Refusal("", "", drop=False)
    applied, dropped = NOTHING_MEANT, intent
    if may_write and not first.drop:
        applied, dropped = intent.put_on(fresh)
    return Carried(fresh, new_ledger, heads, Rebased(applied, dropped, first.code, first.reason))


def _own_beyond(
    old: Notebook, fresh: Notebook, ledger: Ledger, identity: Identity, *, same_line: bool
) -> list[Change]:
    """Own changes that the fresh copy lacks; with another history: all that were in doubt."""
    if not same_line:
        return list(ledger.own)
    known = [head for head in fresh.heads if old.document.has(head)]
    later = old.document.changes_after(known)
    return [
        change for change in later if identity.wrote(change) and not fresh.document.has(change.hash)
    ]


def _intent(old: Notebook, base: Heads) -> Intent:
    with own_errors("the notebook cannot be re-based"):
        return Intent.between(Notebook(old.document.fork_at(base)), old)
