"""The simulated network: rooms, browsers, agents, a kernel, a disk and a clock in one thread.

The seed decides the order of all events, so a failure replays from its seed. The peers and the room
are the real ones. The network records the acknowledged text of each peer, so that
`assert_nothing_lost` can search for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import Cell, Content, to_json
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.ids import CellId, SessionId
from jupyter_runtimed.peer.events import Acknowledged, CallReplied, PeerEvent, Rebased
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol.frames import PeerKind
from jupyter_runtimed.room.settings import Settings

from .clock import Clock
from .server import Disk, SimServer

MAY_ALL = Permissions(write=True, execute=True)
MAY_EDIT = Permissions(write=True, execute=False)
MAY_READ = Permissions(write=False, execute=False)
RECONNECT_MS = 40


def notebook_bytes(*sources: str) -> bytes:
    """Return an `.ipynb` with these code cells; their ids are c0, c1, ..."""
    cells = tuple(Cell(CellId(f"c{i}"), "code", source) for i, source in enumerate(sources))
    metadata = {"kernelspec": to_json({"name": "sim", "display_name": "Simulated"})}
    content = Content(5, metadata, {}, cells)
    return ipynb.write(content, get_blob=lambda _: b"", like=None)


class SimPeer:
    """A browser tab or an agent, with a connection that can be cut."""

    def __init__(self, net: Network, name: str, rights: Permissions, kind: PeerKind) -> None:
        self.name = name
        self.rights = rights
        self.peer = Peer(name, kind)
        self.happened: list[PeerEvent] = []
        self.typed: list[str] = []
        self.acknowledged: set[str] = set()
        self.dropped: list[Rebased] = []
        self.open_calls: set[int] = set()
        self._net = net
        self._session: SessionId | None = None
        self._line = 0
        self._last_arrival = {"up": 0, "down": 0}
        self.cut = False
        self.lag_ms = 0
        self.mangle: Literal["double", "drop"] | None = None
        """The fault of the next frame, in either direction."""

    # ------------------------------------------------------------ actions of the user

    @property
    def notebook(self) -> Notebook:
        assert self.peer.notebook is not None, f"{self.name} has no notebook yet"
        return self.peer.notebook

    @property
    def session(self) -> SessionId:
        assert self._session is not None, f"{self.name} is not connected"
        return self._session

    def source(self, cell: str) -> str:
        return self.notebook.source(CellId(cell))

    def outputs(self, cell: str) -> str:
        """Return the text of a cell's outputs in this peer's copy."""
        assert self.peer.runtime is not None
        outcome = self.peer.runtime.outcome(CellId(cell))
        return ipynb_text(outcome.outputs, self._net.disk.blobs)

    def run_state(self, cell: str) -> str | None:
        assert self.peer.runtime is not None
        run = self.peer.runtime.run_of(CellId(cell))
        return None if run is None else run.state

    def type(self, cell: str, text: str, at: int | None = None) -> None:
        """Insert text in a cell, by default at its end."""
        length = len(self.source(cell))
        self.notebook.splice(CellId(cell), length if at is None else min(at, length), 0, text)
        self.typed.append(text)
        self.edited()

    def edit(self, change: Callable[[Notebook], None]) -> None:
        change(self.notebook)
        self.edited()

    def edited(self) -> None:
        self.peer.edited(now_ms=self._net.clock.now)
        self._flush()

    def call(self, name: str, **args: object) -> int:
        call_id = self.peer.call(name, args)
        self.open_calls.add(call_id)
        self._flush()
        return call_id

    def run(self, *cells: str) -> int:
        return self.call("run", cells=list(cells))

    def reply_to(self, call_id: int) -> CallReplied | None:
        replies = (h for h in self.happened if isinstance(h, CallReplied) and h.id == call_id)
        return next(replies, None)

    # ------------------------------------------------------------ the connection

    def connect(self) -> None:
        if self.cut or self._session is not None or not self._net.server.up:
            return
        if not self._net.server.may_open:
            self._net.clock.after(RECONNECT_MS, self.connect)
            return
        self._line += 1
        line = self._line
        self._session = self._net.server.connect(
            self.name,
            self.rights,
            lambda data: self._travel("down", line, lambda: self._arrive(data)),
            lambda: self._hung_up(line),
        )
        if self._session not in self._net.server.outlets:
            self._hung_up(line)  # The server died while handling the frame.
            return
        for data in self.peer.connected():
            self._send(data)

    def hang_up(self) -> None:
        """Cut the connection; frames in transit are lost."""
        session, self._session = self._session, None
        self._line += 1
        if session is not None:
            self._lose()
            self._net.server.disconnect(session)

    def _hung_up(self, line: int) -> None:
        if line == self._line and self._session is not None:
            self._session = None
            self._line += 1
            self._lose()
            self._net.clock.after(RECONNECT_MS, self.connect)

    def _lose(self) -> None:
        for happened in self.peer.disconnected():
            self._take(happened)

    def _flush(self) -> None:
        for data in self.peer.drain():
            self._send(data)

    def _send(self, data: bytes) -> None:
        session = self._session
        if session is not None:
            server = self._net.server
            self._travel("up", self._line, lambda: server.receive(session, data, self.rights))

    def _travel(self, way: str, line: int, arrive: Callable[[], None]) -> None:
        """Deliver frames in order, each with its own delay."""
        clock = self._net.clock
        mangle, self.mangle = self.mangle, None
        if mangle == "drop":
            # A stream that lost a part is unusable; the connection breaks a while later.
            clock.after(clock.random.randint(0, 2_000), lambda: self._broken(line))
            return
        for _ in range(2 if mangle == "double" else 1):
            at = clock.now + self.lag_ms + clock.random.randint(0, 12)
            at = max(at, self._last_arrival[way] + 1)
            self._last_arrival[way] = at
            clock.at(at, lambda: arrive() if line == self._line else None)

    def _broken(self, line: int) -> None:
        if line == self._line:
            self.hang_up()
            self._net.clock.after(RECONNECT_MS, self.connect)

    def _arrive(self, data: bytes) -> None:
        for happened in self.peer.received(data):
            self._take(happened)
        self._flush()

    def _take(self, happened: PeerEvent) -> None:
        self.happened.append(happened)
        if isinstance(happened, Acknowledged) and self.peer.pending_edits == 0:
            self.acknowledged.update(self.typed)
        if isinstance(happened, Rebased):
            self.dropped.append(happened)
        if isinstance(happened, CallReplied):
            self.open_calls.discard(happened.id)


class Network:
    def __init__(
        self,
        *sources: str,
        seed: int = 0,
        settings: Settings | None = None,
        file: bytes | None = None,
        server: type[SimServer] = SimServer,
    ) -> None:
        self.clock = Clock(seed)
        self.disk = Disk(notebook_bytes(*sources) if file is None else file)
        self._ids = random.Random(seed + 1)
        self.server = server(self.clock, self.disk, settings or Settings(), self.new_id)
        self.peers: dict[str, SimPeer] = {}
        self.gone: list[SimPeer] = []

    def new_id(self) -> str:
        return f"{self._ids.getrandbits(128):032x}"

    # ------------------------------------------------------------ peers

    def join(
        self,
        name: str,
        rights: Permissions = MAY_ALL,
        kind: PeerKind = "browser",
        *,
        wait: bool = True,
    ) -> SimPeer:
        peer = self.peers[name] = SimPeer(self, name, rights, kind)
        peer.connect()
        if wait:
            self.run_until(lambda: peer.peer.live and peer.peer.runtime is not None)
        return peer

    def leave(self, name: str) -> None:
        """Close the tab."""
        peer = self.peers.pop(name)
        peer.hang_up()
        self.gone.append(peer)

    # ------------------------------------------------------------ faults

    def cut(self, name: str) -> None:
        self.peers[name].cut = True
        self.peers[name].hang_up()

    def heal(self, name: str) -> None:
        self.peers[name].cut = False
        self.peers[name].connect()

    def crash_server(self) -> None:
        self.server.crash()

    def start_server(self) -> None:
        self.server.start()
        for peer in self.peers.values():
            self.clock.after(RECONNECT_MS, peer.connect)

    # ------------------------------------------------------------ time

    def run_for(self, duration_ms: int) -> None:
        until = self.clock.now + duration_ms
        while self.clock.step(until):
            pass

    def run_until(self, check: Callable[[], bool], limit_ms: int = 60_000) -> None:
        until = self.clock.now + limit_ms
        while not check():
            assert self.clock.step(until), "this did not happen in time"

    def run_until_quiet(self, limit_ms: int = 600_000) -> None:
        """Run until all connected peers are up to date and everything is saved."""
        self.run_until(self._quiet, limit_ms)

    def _quiet(self) -> bool:
        room = self.server.room
        here = [peer for peer in self.peers.values() if not peer.cut]
        return (
            self.server.up
            and room is not None
            and all(p.peer.live and p.peer.pending_edits == 0 and p.peer.runtime for p in here)
            and not any(p.open_calls for p in here)
            and all(p.notebook.heads == room.notebook.heads for p in here)
            and all(p.runtime_heads == room.runtime.heads for p in map(_Seen, here))
            and not room.running.active
            and not room.filing.unsaved
        )

    # ------------------------------------------------------------ assertions

    def assert_converged(self) -> None:
        """Assert that all connected peers, the room and the file are equal."""
        room = self.server.open_room()
        here = room.content()
        for peer in self.peers.values():
            if not peer.cut:
                assert peer.notebook.content().cells == here.cells, f"{peer.name} differs"
        found = ipynb.read(self.disk.file, new_id=self.new_id, put_blob=lambda _: "")  # type: ignore[arg-type,return-value]
        on_disk = [(cell.id, cell.cell_type, cell.source) for cell in found.content.cells]
        assert on_disk == [(cell.id, cell.cell_type, cell.source) for cell in here.cells]

    def assert_nothing_lost(self) -> None:
        """Assert that each acknowledged text is in the room."""
        text = "\n".join(cell.source for cell in self.server.open_room().content().cells)
        for peer in (*self.peers.values(), *self.gone):
            missing = [piece for piece in peer.acknowledged if piece not in text]
            assert not missing, f"{peer.name} lost {missing}"


class _Seen:
    def __init__(self, peer: SimPeer) -> None:
        assert peer.peer.runtime is not None
        self.runtime_heads = tuple(peer.peer.runtime.document.heads())


def ipynb_text(outputs: object, blobs: dict[str, bytes]) -> str:
    """Return all text of a cell's outputs: streams, then plain text of displays."""
    from jupyter_runtimed.document.content import Blob, DisplayOutput, ErrorOutput, StreamOutput

    def text(value: object) -> str:
        if isinstance(value, Blob):
            return blobs[value.sha256].decode()
        return value if isinstance(value, str) else ""

    parts: list[str] = []
    assert isinstance(outputs, tuple)
    for output in outputs:
        match output:
            case StreamOutput():
                parts += [text(chunk) for chunk in output.chunks]
            case DisplayOutput():
                parts.append(text(output.data.get("text/plain", "")))
            case ErrorOutput():
                parts.append(f"{output.ename}: {output.evalue}")
    return "".join(parts)
