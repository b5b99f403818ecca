"""Plays the conversations of `tests/golden/conversations.json` with the Python client's machine.

The file names changes: `own.1` is the first change that the client makes. The section
"Shared vectors" of `docs/design/protocol.md` lists the words for what a client does.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

from jupyter_runtimed.crdt import Change as Edit
from jupyter_runtimed.crdt import load
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.errors import BadFrame, DocumentError
from jupyter_runtimed.ids import Epoch
from jupyter_runtimed.peer.events import (
    Acknowledged,
    CallReplied,
    Changed,
    Connected,
    PeerEvent,
    PresenceChanged,
    Rebased,
    RefusedChange,
    RoomEvent,
    Synced,
)
from jupyter_runtimed.peer.peer import Peer, PeerPhase
from jupyter_runtimed.protocol import frames

from .golden import read
from .rebases import cells_of, write

Json = dict[str, Any]
PREFIX_BYTES = frames.PREFIX_BYTES
BLANK: Json = {
    "phase": "connecting", "role": "viewer", "pending": 0, "notebook": None,
    "events": [], "sent": [], "stored": [], "reconnect": [],
}  # fmt: skip
"""A client before its first step."""


class Names:
    """Changes of a conversation by name, and names by change hash."""

    def __init__(self, made: Mapping[str, Json]) -> None:
        self._made = made
        self._bytes = {name: base64.b64decode(e["base64"]) for name, e in _documents().items()}
        self._heads = {name: e["head"] for name, e in _documents().items()}
        self._names = {head: name for name, head in self._heads.items()}
        self._own = 0

    def own(self, change: Edit) -> None:
        if change.hash not in self._names:
            self._own += 1
            self._add(f"own.{self._own}", change.hash, change.bytes)

    def data(self, names: list[str]) -> bytes:
        return b"".join(map(self._data, names))

    def heads(self, names: list[str]) -> tuple[str, ...]:
        self.data(names)
        return tuple(sorted(self._heads[name] for name in names))

    def of(self, hashes: tuple[str, ...] | list[str]) -> list[str]:
        return sorted(self._names.get(hash_, "?") for hash_ in hashes)

    def chunks(self, data: bytes) -> list[str]:
        return [self._names.get(change.hash, "?") for change in Edit.decode_all(data)]

    def _data(self, name: str) -> bytes:
        if name not in self._bytes:
            how = self._made[name]
            before = Notebook(load(self.data(how["upon"]), actor=name.encode().ljust(20, b".")))
            write(before, how["edit"])
            data = before.commit(now_ms=0)
            assert data is not None
            self._add(name, before.heads[0], data)
        return self._bytes[name]

    def _add(self, name: str, head: str, data: bytes) -> None:
        self._bytes[name], self._heads[name], self._names[head] = data, head, name


class PythonClient:
    """The client of one conversation."""

    def __init__(self, conversation: Json) -> None:
        self.peer = Peer("tests", "browser")
        self.names = Names(conversation.get("changes", {}))
        self._prefixes: set[bytes] = set()
        self._was_live = False

    def step(self, step: Json) -> Json:
        """Do one step and return its results: the keys of `BLANK`, without the browser's."""
        events, sent = self._do(step)
        self._name_own()
        return {
            "events": [self._event(event) for event in events],
            "sent": [self._frame(frames.decode(data)) for data in [*sent, *self.peer.drain()]],
            "phase": self._phase(),
            "role": self.peer.role,
            "pending": self.peer.pending_edits,
            "notebook": self._texts(),
        }

    def _do(self, step: Json) -> tuple[list[PeerEvent | BadFrame | DocumentError], list[bytes]]:
        peer = self.peer
        match step:
            case {"open": _}:
                self._was_live = False
                return [], peer.connected()
            case {"lost": _}:
                return list(peer.disconnected()), []
            case {"edit": edit}:
                assert peer.notebook is not None
                write(peer.notebook, edit)
                peer.edited()
            case {"call": name, **how}:
                peer.call(name, how.get("args", {}))
            case {"show": state}:
                peer.set_presence(state)
            case _:
                try:
                    return list(peer.received(frames.encode(self._incoming(step)))), []
                except (BadFrame, DocumentError) as error:
                    return [error], []
        return [], []

    def _incoming(self, step: Json) -> frames.Frame:
        names = self.names
        match step:
            case {"welcome": how}:
                return self._welcome(how)
            case {"sync": doc, "epoch": epoch, "heads": heads, **how}:
                full = "whole" in how
                data = names.data(how["whole"] if full else how["missing"])
                return frames.Sync(doc, Epoch(epoch), full, data, names.heads(heads))
            case {"change": doc, "bytes": text}:
                return frames.Change(doc, text.encode())
            case {"change": doc, "data": data}:
                return frames.Change(doc, names.data(data))
            case {"ack": heads}:
                return frames.Ack("notebook", names.heads(heads))
            case {"refuse": hashes, "code": code}:
                return frames.Refuse("notebook", names.heads(hashes), code, "because")
            case {"reply": number, **how}:
                error = how.get("error")
                error_body = None if error is None else {"code": error, "message": "because"}
                return frames.Reply(number, how.get("result"), error_body)
            case {"event": name, "body": body}:
                return frames.Event(name, body)
            case {"presence": session, "state": state}:
                return frames.Presence(session, state)
            case {"hello": _}:
                return frames.Hello("tests", "agent")
        raise AssertionError(f"an unknown step: {step}")

    def _welcome(self, how: Json) -> frames.Welcome:
        prefix = bytes([how["connection"]] * PREFIX_BYTES)
        self._prefixes.add(prefix)
        return frames.Welcome(
            room="room",
            path="a.ipynb",
            server=how.get("server", "A"),
            session=f"s{how['connection']}",
            user={"username": "ana", "name": "Ana", "color": None},
            role=how.get("role", "runner"),
            actor=prefix,
            proof=prefix,
            docs={},
            limits={"frame": how.get("limit", 1 << 20), "inline": 8192},
            saved=True,
            protocol=how.get("protocol", frames.PROTOCOL),
            had=self.names.heads(how.get("had", [])),
        )

    def _phase(self) -> str:
        phase = self.peer.phase
        self._was_live |= phase is PeerPhase.LIVE
        if phase is PeerPhase.GREETING:
            return "rebasing" if self._was_live else "greeting"
        return "live" if phase is PeerPhase.LIVE else "connecting"

    def _texts(self) -> Json | None:
        held = self.peer.notebook
        return None if held is None else {cell_id: held.source(cell_id) for cell_id in held.order}

    def _name_own(self) -> None:
        if self.peer.notebook is not None:
            for change in self.peer.notebook.document.changes_after(()):
                if change.actor[:PREFIX_BYTES] in self._prefixes:
                    self.names.own(change)

    def _event(self, event: PeerEvent | BadFrame | DocumentError) -> Json:
        match event:
            case Connected():
                return {"connected": event.welcome.session}
            case Synced():
                return {"synced": event.doc, "replaced": event.replaced}
            case Changed():
                return {"changed": event.doc}
            case Acknowledged():
                return {"acknowledged": self.names.of(event.heads)}
            case RefusedChange():
                return {"refused": self.names.of(event.hashes), "code": event.code}
            case Rebased():
                return {
                    "rebased": event.code,
                    "applied": cells_of(event.applied),
                    "dropped": cells_of(event.dropped),
                }
            case CallReplied():
                if event.error is not None:
                    return {"call replied": event.id, "error": event.error["code"]}
                return {"call replied": event.id, "result": event.result}
            case RoomEvent():
                return {"event": event.name}
            case PresenceChanged():
                return {"presence": event.session, "state": event.state}
            case BadFrame() | DocumentError():
                return {"hang up": "bad frame"}

    def _frame(self, frame: frames.Frame) -> Json:
        match frame:
            case frames.Hello():
                docs = {doc: [epoch, self.names.of(heads)]
                        for doc, (epoch, heads) in frame.docs.items()}  # fmt: skip
                return {"hello": docs, "tokens": [prefix[0] for prefix, _ in frame.tickets]}
            case frames.Change():
                return {"change": self.names.chunks(frame.data)}
            case frames.Call():
                return {"call": frame.name, "id": frame.id, "heads": self.names.of(frame.heads)}
            case frames.Presence():
                return {"presence": frame.state}
            case _:
                raise AssertionError(f"a client does not send {frame}")


def play(conversation: Json, begin: list[Json]) -> list[Json]:
    """Return the results of each step: those of `begin`, then those of the conversation."""
    client = PythonClient(conversation)
    return [client.step(step["do"]) for step in [*begin, *conversation["steps"]]]


def steps_before(vectors: Json, conversation: Json) -> list[Json]:
    """Return the steps of the conversation that this one continues."""
    if (name := conversation.get("after")) is None:
        return []
    former = next(other for other in vectors["conversations"] if other["name"] == name)
    return [*steps_before(vectors, former), *former["steps"]]


@cache
def _documents() -> dict[str, dict[str, str]]:
    documents: dict[str, dict[str, str]] = read("documents.json")
    return documents
