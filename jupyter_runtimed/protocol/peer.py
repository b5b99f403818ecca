"""The client's side of one connection, and its replica of the notebook: a pure machine.

    OFFLINE --connected--> ASKING --sync of the notebook--> LIVE
       ^                     ^  |                            |
       |                     |  +--<--- hello again ---<-----+  (refused, or out of step)
       +--- disconnected ----+-------------------------------+

Bytes come in by `received`, which returns what happened; bytes to send collect in `outbox`. Edits
are made on `notebook` in any state once it is there, and reported by `edited`. Nothing here knows
sockets, tasks or clocks. What the server holds of this replica is the `Ledger`'s business; what
becomes of edits that cannot be sent as they are, `Intent`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, cast, get_args

from ..crdt import Change, Document, heads_of, holds, load, own_errors
from ..document.notebook import Notebook, Touched
from ..document.schema import DocName
from ..errors import BadFrame, DocumentError, TooLarge
from ..ids import Epoch
from . import frames
from .frames import Heads, PeerKind, Role, Welcome, encode
from .freshcopy import Refusal, carry_over
from .happened import (
    Acked,
    Changed,
    Happened,
    PresenceChanged,
    RefusedChange,
    Synced,
    Told,
    Welcomed,
)
from .identity import Identity
from .ledger import Ledger
from .questions import Question, Questions
from .runtime_view import RuntimeView

WHOLE_BYTES: Final = 1 << 31
"""Cap of what the server may send: a whole document may be larger than any change."""
BATCH_BYTES: Final = 1 << 20
"""Changes made offline are sent in frames of about this size."""


class PeerPhase(Enum):
    OFFLINE = "offline"
    ASKING = "asking"
    LIVE = "live"


class Peer:
    """One client of one notebook, through any number of connections."""

    def __init__(self, client: str, kind: PeerKind = "agent") -> None:
        self.client = client
        self.kind: PeerKind = kind
        self.notebook: Notebook | None = None
        self.runtime: RuntimeView | None = None
        self.welcome: Welcome | None = None
        self.role: Role = "viewer"
        self.phase = PeerPhase.OFFLINE
        self.presences: dict[str, Mapping[str, Any]] = {}
        self.outbox: list[bytes] = []
        self._epochs: dict[DocName, Epoch] = {}
        self._distrusted: set[DocName] = set()
        self._ledger = Ledger()
        self._seen: Heads = ()
        self._acked_later: Heads = ()
        self._identity = Identity()
        self._questions = Questions()
        self._refusal: Refusal | None = None
        self._rebased: set[str] = set()
        self._presence: Mapping[str, Any] | None = None

    # ------------------------------------------------------------ state

    @property
    def live(self) -> bool:
        """Do edits go straight to the server?"""
        return self.phase is PeerPhase.LIVE

    @property
    def unacked(self) -> int:
        """How many local changes are not known to be durable on the server."""
        return self._ledger.unacked

    @property
    def shared(self) -> Heads:
        """The newest version of the notebook of which it is known that the server has it."""
        return self._ledger.shared

    def epoch(self, doc: DocName) -> Epoch | None:
        return self._epochs.get(doc)

    # ------------------------------------------------------------ the connection

    def connected(self) -> list[bytes]:
        """A connection is open: what to send first."""
        self.edited()
        self.outbox.clear()
        self.phase = PeerPhase.ASKING
        return [self._hello()]

    def disconnected(self) -> list[Happened]:
        """The connection is gone: calls without an answer fail, unsent edits wait."""
        self.outbox.clear()
        self.phase = PeerPhase.OFFLINE
        lost: list[Happened] = [*self._questions.lost()]
        lost += [PresenceChanged(session, None) for session in self.presences]
        self.presences.clear()
        return lost

    def drain(self) -> list[bytes]:
        """Take what is to be sent."""
        out, self.outbox = self.outbox, []
        return out

    def received(self, data: bytes) -> list[Happened]:
        """Take in one frame.

        Raises `BadFrame` or `DocumentError` for what no server should send: close the connection;
        the next one begins with fresh copies.
        """
        self.edited()
        try:
            return list(self._take(frames.decode(data, cap_bytes=WHOLE_BYTES)))
        except (BadFrame, DocumentError):
            self._distrusted.update(("notebook", "runtime"))
            raise

    def _take(self, frame: frames.Frame) -> Iterable[Happened]:
        match frame:
            case frames.Welcome():
                return self._welcomed(frame)
            case frames.Sync():
                return self._synced(frame)
            case frames.Change():
                return self._changed(frame)
            case frames.Ack():
                return self._acked(frame)
            case frames.Refuse():
                return self._refused(frame)
            case frames.Reply():
                return self._replied(frame)
            case frames.Event():
                return self._told(frame)
            case frames.Presence():
                return self._met(frame)
            case frames.Hello() | frames.Call():
                raise BadFrame("a server does not send this kind of frame")

    # ------------------------------------------------------------ what the shell asks for

    def edited(self, *, now_ms: int = 0) -> None:
        """The notebook was written to: make that a change, and send it if the server listens."""
        if (notebook := self.notebook) is None:
            return
        notebook.commit(now_ms=now_ms)
        heads = notebook.heads
        if heads == self._seen:
            return
        made = self._since_seen(notebook.document, heads)
        self._seen = heads
        for change in made:
            self._ledger.made(change)
        if self.live:
            self._send(made)

    def call(
        self, name: str, args: Mapping[str, Any] | None = None, *, heads: Heads | None = None
    ) -> int:
        """Ask for something; the answer is a `Replied` with the returned id.

        `heads` is the version that the call builds on: unless given, the notebook as it is when the
        call is sent. Without a connection the call waits for one. Raises `TooLarge`, `BadFrame`.
        """
        self.edited()
        question = self._questions.ask(name, args or {}, heads)
        if self.live:
            self._send_call(question)
        else:
            self._questions.wait(question)
        return question.id

    def show(self, state: Mapping[str, Any] | None) -> None:
        """Say where this peer is and what it does (None: nothing); said again on reconnecting."""
        self._presence = state
        if self.live:
            self.outbox.append(encode(frames.Presence("", state)))

    # ------------------------------------------------------------ coming in

    def _welcomed(self, welcome: Welcome) -> Iterator[Happened]:
        if welcome.protocol != frames.PROTOCOL:
            raise BadFrame(
                f"the server speaks protocol {welcome.protocol}: install the same version"
            )
        self.welcome, self.role = welcome, welcome.role
        self._identity.given(welcome.actor, welcome.proof)
        if self.notebook is not None:
            self.notebook.document.actor = self._identity.fresh_actor()
        yield Welcomed(welcome)

    def _synced(self, sync: frames.Sync) -> Iterator[Happened]:
        if self.welcome is None:
            raise BadFrame("a sync before the welcome")
        if not sync.full and sync.doc in self._distrusted:
            return  # the whole document was asked for, and follows
        if not sync.full and not self._follows(sync):
            self._ask_anew(sync.doc)
            return
        if sync.doc == "runtime":
            yield from self._synced_runtime(sync)
            return
        yield from self._replaced(sync) if sync.full else self._caught_up(sync)
        if not self._in_step(sync):
            self._ask_anew("notebook")
            return
        if self.phase is PeerPhase.ASKING:
            self.phase = PeerPhase.LIVE
            self._say_all()

    def _follows(self, sync: frames.Sync) -> bool:
        held = self.notebook if sync.doc == "notebook" else self.runtime
        return held is not None and self._epochs.get(sync.doc) == sync.epoch

    def _in_step(self, sync: frames.Sync) -> bool:
        held = self.notebook if sync.doc == "notebook" else self.runtime
        return held is not None and holds(held.document, sync.heads)

    def _synced_runtime(self, sync: frames.Sync) -> Iterator[Happened]:
        if sync.full or self.runtime is None:
            self.runtime = RuntimeView(load(sync.data, actor=self._identity.fresh_actor()))
            self._epochs["runtime"] = sync.epoch
            self._distrusted.discard("runtime")
            yield Synced("runtime", self.runtime.everything(), replaced=True)
        else:
            touched = self.runtime.apply(_decoded(sync.data))
            if not self._in_step(sync):
                self._ask_anew("runtime")
                return
            yield Synced("runtime", touched, replaced=False)

    def _caught_up(self, sync: frames.Sync) -> Iterator[Happened]:
        touched = self._apply(_decoded(sync.data))
        yield Synced("notebook", touched, replaced=False)

    def _changed(self, frame: frames.Change) -> Iterator[Happened]:
        changes = _decoded(frame.data)
        held = self.notebook if frame.doc == "notebook" else self.runtime
        if held is None:
            return  # passed on between the welcome and the sync, which will hold it
        touched = self._apply(changes) if held is self.notebook else held.apply(changes)
        if not holds(held.document, [change.hash for change in changes]):
            self._ask_anew(frame.doc)
        elif frame.doc == "notebook" and self._acked_later:
            yield from self._acked(frames.Ack("notebook", self._acked_later))
        if touched:
            yield Changed(frame.doc, touched)

    def _apply(self, changes: list[Change]) -> Touched:
        """Take what the server sent into the notebook."""
        notebook = self._held()
        for change in changes:
            if notebook.document.has(change.hash):
                self._ledger.there(change.hash)
            else:
                self._ledger.received(change)
        touched = notebook.apply(changes)
        self._seen = notebook.heads
        return touched

    def _acked(self, ack: frames.Ack) -> Iterator[Happened]:
        if ack.doc != "notebook" or self.notebook is None:
            return
        document = self.notebook.document
        here = tuple(head for head in ack.heads if document.has(head))
        # The rest was acknowledged before it was passed on.
        self._acked_later = ack.heads if len(here) < len(ack.heads) else ()
        if here:
            self._ledger.durable(here, document.changes_after)
        yield Acked("notebook", ack.heads, self.unacked)

    def _refused(self, refuse: frames.Refuse) -> Iterator[Happened]:
        if refuse.doc == "notebook":
            self._refuse(refuse.hashes, refuse.code, refuse.reason)
        yield RefusedChange(refuse.doc, refuse.hashes, refuse.code, refuse.reason)

    def _refuse(self, hashes: Iterable[str], code: str, reason: str) -> None:
        again = not self._rebased.isdisjoint(hashes)
        first = self._refusal or Refusal(code, reason, drop=False)
        self._refusal = first.and_another(code, again=again)
        self._ask_anew("notebook")

    def _replied(self, reply: frames.Reply) -> Iterator[Happened]:
        yield from self._questions.answered(reply)

    def _told(self, event: frames.Event) -> Iterator[Happened]:
        role = event.body.get("role")
        if event.name == "rights" and role in get_args(Role):
            self.role = cast(Role, role)
        yield Told(event.name, event.body)

    def _met(self, presence: frames.Presence) -> Iterator[Happened]:
        if presence.state is None:
            self.presences.pop(presence.session, None)
        else:
            self.presences[presence.session] = presence.state
        yield PresenceChanged(presence.session, presence.state)

    # ------------------------------------------------------------ a fresh copy

    def _replaced(self, sync: frames.Sync) -> Iterator[Happened]:
        self.phase = PeerPhase.ASKING
        old = self.notebook
        carried = carry_over(
            old,
            lambda: Notebook(load(sync.data, actor=self._identity.fresh_actor())),
            self._ledger,
            self._identity,
            same_line=self._epochs.get("notebook") == sync.epoch,
            had=self.welcome.had if self.welcome is not None else (),
            refusal=self._refusal,
            may_write=self.role != "viewer",
        )
        self.notebook, self._ledger = carried.notebook, carried.ledger
        self._seen, self._epochs["notebook"] = carried.heads, sync.epoch
        self._refusal, self._acked_later = None, ()
        self._distrusted.discard("notebook")
        sent_as_they_are = {change.hash for change in self._ledger.own}
        self.edited()
        cells = frozenset((*(old.order if old is not None else ()), *carried.notebook.order))
        yield Synced("notebook", Touched(cells, structure=True, notebook=True), replaced=True)
        if carried.rebased is not None:
            self._rebased = {change.hash for change in self._ledger.own} - sent_as_they_are
            yield carried.rebased

    # ------------------------------------------------------------ going out

    def _hello(self) -> bytes:
        docs: dict[DocName, tuple[Epoch, Heads]] = {}
        if self.notebook is not None:
            docs["notebook"] = (self._epochs["notebook"], self.shared)
        if self.runtime is not None:
            docs["runtime"] = (self._epochs["runtime"], heads_of(self.runtime.document))
        for doc in self._distrusted & docs.keys():
            docs[doc] = (docs[doc][0], ())
        tickets = self._identity.tickets(self._ledger.own)
        return encode(frames.Hello(self.client, self.kind, docs, tickets))

    def _ask_anew(self, doc: DocName) -> None:
        """What is held of this document is of no use: ask for a fresh copy, once."""
        if doc in self._distrusted and self.phase is PeerPhase.ASKING:
            return
        self._distrusted.add(doc)
        if self.phase is not PeerPhase.OFFLINE:
            self.phase = PeerPhase.ASKING
            self.outbox.append(self._hello())

    def _say_all(self) -> None:
        """The server has just sent what it has: send what it lacks, in the order it was made."""
        self._send(self._ledger.unsure())
        if not self.live:
            return  # one of these is larger than the server takes: it is asked anew
        for question in self._questions.take_waiting():
            self._send_call(question)
        if self._presence is not None:
            self.outbox.append(encode(frames.Presence("", self._presence)))

    def _send(self, changes: Iterable[Change]) -> None:
        limit_bytes = self._limit_bytes()
        batch: list[bytes] = []
        batch_bytes = batch_ops = 0
        for change in changes:
            data = change.bytes
            if (size := _too_large(change, limit_bytes)) is not None:
                self._flush(batch)
                self._refuse([change.hash], TooLarge.code, size)
                return
            ops = change.op_count
            if batch_bytes + len(data) > BATCH_BYTES or batch_ops + ops > frames.CHANGE_OPS:
                self._flush(batch)
                batch_bytes = batch_ops = 0
            batch.append(data)
            batch_bytes, batch_ops = batch_bytes + len(data), batch_ops + ops
        self._flush(batch)

    def _limit_bytes(self) -> int:
        limit = self.welcome.limits.get("frame") if self.welcome is not None else None
        return (limit if isinstance(limit, int) else frames.CHANGE_BYTES) - 64

    def _flush(self, batch: list[bytes]) -> None:
        if batch:
            self.outbox.append(encode(frames.Change("notebook", b"".join(batch))))
            batch.clear()

    def _send_call(self, question: Question) -> None:
        self.outbox.append(self._questions.sent(question, self._held().heads))

    # ------------------------------------------------------------ inside

    def _held(self) -> Notebook:
        if self.notebook is None:
            raise DocumentError("the notebook is not here yet: wait for the first sync")
        return self.notebook

    def _since_seen(self, document: Document, heads: Heads) -> list[Change]:
        last = document.last_local_change()
        if last is not None and (last.hash,) == heads and tuple(last.deps) == self._seen:
            return [last]
        return document.changes_after(self._seen)


def _decoded(data: bytes) -> list[Change]:
    with own_errors("the server sent what is not a change"):
        return Change.decode_all(data)


def _too_large(change: Change, limit_bytes: int) -> str | None:
    """Why the server would not take this change by itself."""
    if len(change.bytes) > limit_bytes:
        return f"a change of {len(change.bytes)} bytes; the server takes {limit_bytes}"
    if change.op_count > frames.CHANGE_OPS:
        return f"a change of {change.op_count} characters; the server takes {frames.CHANGE_OPS}"
    return None
