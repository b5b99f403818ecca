"""The client's side of the protocol, with its replica of the notebook: a pure state machine.

`PeerPhase` and `TABLE` are the phases of a connection and their transitions. `received` takes the
bytes of a frame and returns events; frames to send collect in `outbox`. The user of this class may
edit `notebook` in any phase once it exists, and calls `edited` afterwards. The module knows no
sockets, tasks or clocks. `PendingChanges` tracks which changes the server has; `LocalEdits` and
`TextRebase` rebase edits that cannot be sent as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any, Final, cast, get_args

from ..crdt import Change, Document, engine_errors, has_heads, heads_of, load
from ..document.notebook import ChangedCells, Notebook
from ..document.schema import DocName
from ..errors import BadFrame, DocumentError, TooLarge
from ..ids import Epoch
from ..protocol import frames
from ..protocol.frames import Heads, PeerKind, Role, Welcome, encode
from .actor_ids import ActorIds
from .events import (
    Acknowledged,
    Changed,
    Connected,
    PeerEvent,
    PresenceChanged,
    RefusedChange,
    RoomEvent,
    Synced,
)
from .pending_calls import PendingCall, PendingCalls
from .pending_changes import PendingChanges
from .rebase import Refusal, rebase
from .runtime_view import RuntimeView

WHOLE_BYTES: Final = 1 << 31
"""Largest frame that the server may send, because a document may be larger than any change."""
BATCH_BYTES: Final = 1 << 20
"""Changes made offline are sent in frames of about this size."""


class PeerPhase(Enum):
    CONNECTING = auto()
    """There is no connection."""
    GREETING = auto()
    """A hello was sent; the sync of the notebook has not arrived."""
    LIVE = auto()
    """Edits are sent to the server at once."""


class PeerSignal(Enum):
    CONNECTED = auto()
    SYNCED = auto()
    REPLACED = auto()
    """A whole notebook arrived in place of the present one."""
    STALE = auto()
    """A fresh copy of a document is needed, after a refusal or a gap."""
    DISCONNECTED = auto()


TABLE: Final[Mapping[tuple[PeerPhase, PeerSignal], PeerPhase]] = {
    (PeerPhase.GREETING, PeerSignal.SYNCED): PeerPhase.LIVE,
    (PeerPhase.GREETING, PeerSignal.STALE): PeerPhase.GREETING,
    (PeerPhase.LIVE, PeerSignal.STALE): PeerPhase.GREETING,
    **{(phase, PeerSignal.CONNECTED): PeerPhase.GREETING for phase in PeerPhase},
    **{(phase, PeerSignal.REPLACED): PeerPhase.GREETING for phase in PeerPhase},
    **{(phase, PeerSignal.DISCONNECTED): PeerPhase.CONNECTING for phase in PeerPhase},
}
"""A signal that the table does not list for a phase has no effect."""


class Peer:
    """One client of one notebook, through any number of consecutive connections.

    `client` names the program to the server.
    """

    def __init__(self, client: str, kind: PeerKind = "agent") -> None:
        self.client = client
        self.kind: PeerKind = kind
        self.notebook: Notebook | None = None
        self.runtime: RuntimeView | None = None
        self.welcome: Welcome | None = None
        self.role: Role = "viewer"
        self.phase = PeerPhase.CONNECTING
        self.presences: dict[str, Mapping[str, Any]] = {}
        self.outbox: list[bytes] = []
        self._epochs: dict[DocName, Epoch] = {}
        self._distrusted: set[DocName] = set()
        self._ledger = PendingChanges()
        self._seen: Heads = ()
        self._acked_later: Heads = ()
        self._identity = ActorIds()
        self._questions = PendingCalls()
        self._refusal: Refusal | None = None
        self._rebased: set[str] = set()
        self._presence: Mapping[str, Any] | None = None

    # ------------------------------------------------------------ state

    @property
    def live(self) -> bool:
        """Whether edits are sent to the server at once."""
        return self.phase is PeerPhase.LIVE

    @property
    def pending_edits(self) -> int:
        """Number of local changes that the server has not acknowledged as durable."""
        return self._ledger.unacked

    @property
    def shared(self) -> Heads:
        """The newest version of the notebook that the server is known to have."""
        return self._ledger.shared

    def epoch(self, doc: DocName) -> Epoch | None:
        return self._epochs.get(doc)

    def _hear(self, signal: PeerSignal) -> bool:
        """Change the phase; return whether the table lists the signal for the present phase."""
        phase = TABLE.get((self.phase, signal))
        self.phase = phase or self.phase
        return phase is not None

    # ------------------------------------------------------------ the connection

    def connected(self) -> list[bytes]:
        """Start the handshake on a new connection; return the frames to send."""
        self.edited()
        self.outbox.clear()
        self._hear(PeerSignal.CONNECTED)
        return [self._hello()]

    def disconnected(self) -> list[PeerEvent]:
        """Note the end of the connection: pending calls fail, pending changes stay."""
        self.outbox.clear()
        self._hear(PeerSignal.DISCONNECTED)
        lost: list[PeerEvent] = [*self._questions.fail_all()]
        lost += [PresenceChanged(session, None) for session in self.presences]
        self.presences.clear()
        return lost

    def drain(self) -> list[bytes]:
        """Return and clear the frames to send."""
        out, self.outbox = self.outbox, []
        return out

    def received(self, data: bytes) -> list[PeerEvent]:
        """Handle one frame from the server and return its events.

        Raises `BadFrame` or `DocumentError` for an invalid frame. The caller then closes the
        connection; the next connection requests fresh copies of the documents.
        """
        self.edited()
        try:
            return list(self._take(frames.decode(data, cap_bytes=WHOLE_BYTES)))
        except (BadFrame, DocumentError):
            self._distrusted.update(("notebook", "runtime"))
            raise

    def _take(self, frame: frames.Frame) -> Iterable[PeerEvent]:
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
                raise BadFrame("the server sent a frame that only a client may send")

    # ------------------------------------------------------------ edits and calls

    def edited(self, *, now_ms: int = 0) -> None:
        """Commit the edits of the notebook as one change, and send it if the phase is LIVE."""
        if (notebook := self.notebook) is None:
            return
        notebook.commit(now_ms=now_ms)
        heads = notebook.heads
        if heads == self._seen:
            return
        made = self._since_seen(notebook.document, heads)
        self._seen = heads
        for change in made:
            self._ledger.add_local(change)
        if self.live:
            self._send(made)

    def call(
        self, name: str, args: Mapping[str, Any] | None = None, *, heads: Heads | None = None
    ) -> int:
        """Call the server and return the id of the call; a `Replied` event has the result.

        `heads` is the version that the call needs; the default is the notebook's version when the
        call is sent. Without a connection the call waits for the next one. Raises `TooLarge` for
        arguments over the limit, `BadFrame` for arguments that MessagePack cannot encode.
        """
        self.edited()
        question = self._questions.add(name, args or {}, heads)
        if self.live:
            self._send_call(question)
        else:
            self._questions.park(question)
        return question.id

    def set_presence(self, state: Mapping[str, Any] | None) -> None:
        """Set this peer's presence (None: no presence), and send it on each connection."""
        self._presence = state
        if self.live:
            self.outbox.append(encode(frames.Presence("", state)))

    # ------------------------------------------------------------ incoming frames

    def _welcomed(self, welcome: Welcome) -> Iterator[PeerEvent]:
        if welcome.protocol != frames.PROTOCOL:
            raise BadFrame(
                f"the server uses protocol {welcome.protocol} and this client {frames.PROTOCOL}; "
                "install the same version of jupyter-runtimed on both"
            )
        self.welcome, self.role = welcome, welcome.role
        self._identity.given(welcome.actor, welcome.proof)
        if self.notebook is not None:
            self.notebook.document.actor = self._identity.fresh_actor()
        yield Connected(welcome)

    def _synced(self, sync: frames.Sync) -> Iterator[PeerEvent]:
        if self.welcome is None:
            raise BadFrame("the server sent a sync frame before the welcome frame")
        if not sync.full and sync.doc in self._distrusted:
            return  # the whole document was requested and follows
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
        if self._hear(PeerSignal.SYNCED):
            self._say_all()

    def _follows(self, sync: frames.Sync) -> bool:
        held = self.notebook if sync.doc == "notebook" else self.runtime
        return held is not None and self._epochs.get(sync.doc) == sync.epoch

    def _in_step(self, sync: frames.Sync) -> bool:
        held = self.notebook if sync.doc == "notebook" else self.runtime
        return held is not None and has_heads(held.document, sync.heads)

    def _synced_runtime(self, sync: frames.Sync) -> Iterator[PeerEvent]:
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

    def _caught_up(self, sync: frames.Sync) -> Iterator[PeerEvent]:
        touched = self._apply(_decoded(sync.data))
        yield Synced("notebook", touched, replaced=False)

    def _changed(self, frame: frames.Change) -> Iterator[PeerEvent]:
        changes = _decoded(frame.data)
        held = self.notebook if frame.doc == "notebook" else self.runtime
        if held is None:
            return  # the change came before the sync frame, which will contain it
        touched = self._apply(changes) if held is self.notebook else held.apply(changes)
        if not has_heads(held.document, [change.hash for change in changes]):
            self._ask_anew(frame.doc)
        elif frame.doc == "notebook" and self._acked_later:
            yield from self._acked(frames.Ack("notebook", self._acked_later))
        if touched:
            yield Changed(frame.doc, touched)

    def _apply(self, changes: list[Change]) -> ChangedCells:
        """Apply changes from the server to the notebook; return what they touched."""
        notebook = self._held()
        for change in changes:
            if notebook.document.has(change.hash):
                self._ledger.mark_received(change.hash)
            else:
                self._ledger.received(change)
        touched = notebook.apply(changes)
        self._seen = notebook.heads
        return touched

    def _acked(self, ack: frames.Ack) -> Iterator[PeerEvent]:
        if ack.doc != "notebook" or self.notebook is None:
            return
        document = self.notebook.document
        here = tuple(head for head in ack.heads if document.has(head))
        # The server acknowledged the other heads before it sent us their changes.
        self._acked_later = ack.heads if len(here) < len(ack.heads) else ()
        if here:
            self._ledger.acknowledge(here, document.changes_after)
        yield Acknowledged("notebook", ack.heads, self.pending_edits)

    def _refused(self, refuse: frames.Refuse) -> Iterator[PeerEvent]:
        if refuse.doc == "notebook":
            self._refuse(refuse.hashes, refuse.code, refuse.reason)
        yield RefusedChange(refuse.doc, refuse.hashes, refuse.code, refuse.reason)

    def _refuse(self, hashes: Iterable[str], code: str, reason: str) -> None:
        again = not self._rebased.isdisjoint(hashes)
        first = self._refusal or Refusal(code, reason, drop=False)
        self._refusal = first.and_another(code, again=again)
        self._ask_anew("notebook")

    def _replied(self, reply: frames.Reply) -> Iterator[PeerEvent]:
        yield from self._questions.answered(reply)

    def _told(self, event: frames.Event) -> Iterator[PeerEvent]:
        role = event.body.get("role")
        if event.name == "rights" and role in get_args(Role):
            self.role = cast(Role, role)
        yield RoomEvent(event.name, event.body)

    def _met(self, presence: frames.Presence) -> Iterator[PeerEvent]:
        if presence.state is None:
            self.presences.pop(presence.session, None)
        else:
            self.presences[presence.session] = presence.state
        yield PresenceChanged(presence.session, presence.state)

    # ------------------------------------------------------------ a fresh copy

    def _replaced(self, sync: frames.Sync) -> Iterator[PeerEvent]:
        self._hear(PeerSignal.REPLACED)
        old = self.notebook
        carried = rebase(
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
        yield Synced("notebook", ChangedCells(cells, structure=True, notebook=True), replaced=True)
        if carried.rebased is not None:
            self._rebased = {change.hash for change in self._ledger.own} - sent_as_they_are
            yield carried.rebased

    # ------------------------------------------------------------ outgoing frames

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
        """Request a fresh copy of the document, unless a request is already pending."""
        if doc in self._distrusted and self.phase is PeerPhase.GREETING:
            return
        self._distrusted.add(doc)
        if self._hear(PeerSignal.STALE):
            self.outbox.append(self._hello())

    def _say_all(self) -> None:
        """Send the pending changes in their order, then the pending calls and the presence."""
        self._send(self._ledger.to_resend())
        if not self.live:
            return  # a change exceeds the server's limit, so a fresh copy was requested
        for question in self._questions.take_parked():
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

    def _send_call(self, question: PendingCall) -> None:
        self.outbox.append(self._questions.sent(question, self._held().heads))

    # ------------------------------------------------------------ helpers

    def _held(self) -> Notebook:
        if self.notebook is None:
            raise DocumentError("the notebook was not received yet; wait for the first sync")
        return self.notebook

    def _since_seen(self, document: Document, heads: Heads) -> list[Change]:
        last = document.last_local_change()
        if last is not None and (last.hash,) == heads and tuple(last.deps) == self._seen:
            return [last]
        return document.changes_after(self._seen)


def _decoded(data: bytes) -> list[Change]:
    with engine_errors("the server sent an invalid change"):
        return Change.decode_all(data)


def _too_large(change: Change, limit_bytes: int) -> str | None:
    """Return the reason why the server would refuse this change for its size; None if it fits."""
    if len(change.bytes) > limit_bytes:
        return f"a change of {len(change.bytes)} bytes; the server accepts {limit_bytes} at most"
    if change.op_count > frames.CHANGE_OPS:
        limit = frames.CHANGE_OPS
        return f"a change of {change.op_count} characters; the server accepts {limit} at most"
    return None
