"""A minimal hub for peers: one room without tasks, file or kernel.

Tests can inspect, repeat and lose frames in transit, which a real server does not allow.
"""

from __future__ import annotations

from collections.abc import Iterable

from jupyter_runtimed.crdt import Change as Edit
from jupyter_runtimed.crdt import Document, changes_between, has_heads, heads_of
from jupyter_runtimed.document import seeds
from jupyter_runtimed.document.content import Cell
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.document.schema import DocName
from jupyter_runtimed.ids import CellId, Epoch
from jupyter_runtimed.peer.events import PeerEvent
from jupyter_runtimed.peer.peer import Peer
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.protocol.frames import (
    Ack,
    Call,
    Change,
    Frame,
    Hello,
    Presence,
    Refuse,
    Reply,
    Sync,
    Welcome,
    decode,
    encode,
)

ONE, TWO = CellId("one"), CellId("two")


class Server:
    """One room as a hub without tasks: frames pass at once, acknowledgements on request."""

    def __init__(self) -> None:
        self.epochs: dict[DocName, Epoch] = {"notebook": Epoch("n1"), "runtime": Epoch("r1")}
        self.notebook = Notebook(seeds.empty_notebook(b"server"))
        self.notebook.add_cells(
            [Cell(ONE, "code", "print(1)"), Cell(TWO, "markdown", "text")], index=0
        )
        self.notebook.commit(now_ms=0)
        self.runtime = Runtime.create(Epoch("r1"), b"server-run")
        self.runtime.commit(now_ms=0)
        self.links: list[Link] = []
        self.refuse: str | None = None
        self.limit = 64 << 20
        self.connections = 0

    def document(self, doc: DocName) -> Document:
        return (self.notebook if doc == "notebook" else self.runtime).document

    def connect(self, peer: Peer, role: frames.Role = "runner") -> Link:
        self.connections += 1
        link = Link(self, peer, f"s{self.connections}", role)
        self.links.append(link)
        for data in peer.connected():
            link.take(decode(data))
        link.flow()
        return link

    def sync(self, doc: DocName, held: tuple[Epoch, frames.Heads] | None) -> Sync:
        document, epoch = self.document(doc), self.epochs[doc]
        if held is not None and held[0] == epoch and held[1] and has_heads(document, held[1]):
            return Sync(doc, epoch, False, changes_between(document, held[1]), heads_of(document))
        return Sync(doc, epoch, True, document.save(), heads_of(document))

    def pass_on(self, data: bytes, doc: DocName = "notebook", but: Link | None = None) -> None:
        for link in self.links:
            if link is not but:
                link.to_peer.append(Change(doc, data))

    def edit(self) -> None:
        """Send changes of the server's own notebook to all peers."""
        data = self.notebook.commit(now_ms=0)
        assert data is not None
        self.pass_on(data)

    def run_said(self) -> None:
        data = self.runtime.commit(now_ms=0)
        assert data is not None
        self.pass_on(data, "runtime")

    def flow(self) -> list[PeerEvent]:
        news: list[PeerEvent] = []
        while any(link.busy for link in self.links):
            news += [event for link in self.links for event in link.flow()]
        return news

    def text(self, cell_id: CellId = ONE) -> str:
        return self.notebook.source(cell_id)


class Link:
    """One connection whose frames in transit can be inspected, repeated or lost."""

    def __init__(self, server: Server, peer: Peer, name: str, role: frames.Role) -> None:
        self.server, self.peer, self.name, self.role = server, peer, name, role
        self.prefix = name.encode().ljust(16, b".")
        self.prefixes = {self.prefix}
        self.to_peer: list[Frame] = []
        self.to_server: list[Frame] = []
        self.sent: list[Frame] = []
        self.happened: list[PeerEvent] = []

    @property
    def busy(self) -> bool:
        return bool(self.to_peer or self.to_server or self.peer.outbox)

    def flow(self, *, deaf: bool = False) -> list[PeerEvent]:
        """Deliver frames both ways until none is left; `deaf`: the server's frames are lost."""
        news: list[PeerEvent] = []
        while self.busy:
            self.to_server += map(decode, self.peer.drain())
            while self.to_server:
                frame = self.to_server.pop(0)
                self.sent.append(frame)
                self.take(frame)
            said, self.to_peer = self.to_peer, []
            if not deaf:
                news += [e for frame in said for e in self.peer.received(encode(frame))]
        self.happened += news
        return news

    def cut(self) -> list[PeerEvent]:
        self.server.links.remove(self)
        return self.peer.disconnected()

    def take(self, frame: Frame) -> None:
        match frame:
            case Hello():
                self.hello(frame)
            case Change():
                self.change(frame)
            case Call():
                missing = not has_heads(self.server.notebook.document, frame.heads)
                error = {"code": "heads-missing", "message": "not here"} if missing else None
                self.to_peer.append(Reply(frame.id, {"name": frame.name}, error))
            case Presence():
                pass
            case _:
                raise AssertionError(frame)

    def hello(self, hello: Hello) -> None:
        server = self.server
        self.prefixes |= {prefix for prefix, proof in hello.tickets if proof == prefix[::-1]}
        self.to_peer.append(
            Welcome(
                room="room", path="a.ipynb", server="0", session=self.name,
                user={"username": "ana", "name": "Ana", "color": None}, role=self.role,
                actor=self.prefix, proof=self.prefix[::-1],
                docs={doc: (e, heads_of(server.document(doc))) for doc, e in server.epochs.items()},
                limits={"frame": server.limit, "inline": 8192}, saved=True,
            )
        )  # fmt: skip
        self.to_peer += [server.sync("notebook", hello.docs.get("notebook"))]
        self.to_peer += [server.sync("runtime", hello.docs.get("runtime"))]

    def change(self, frame: Change) -> None:
        edits = Edit.decode_all(frame.data)
        document = self.server.notebook.document
        new = [edit for edit in edits if not document.has(edit.hash)]
        if (code := self.verdict(new)) is not None:
            self.to_peer.append(
                Refuse("notebook", tuple(e.hash for e in edits), code, f"it is {code}")
            )
            return
        self.server.notebook.apply(new)
        if new:
            self.server.pass_on(b"".join(e.bytes for e in new), but=self)
        self.to_peer.append(Ack("notebook", heads_of(document)))

    def verdict(self, edits: Iterable[Edit]) -> str | None:
        known = set()
        for edit in edits:
            if self.role == "viewer":
                return "read-only"
            if edit.actor[:16] not in self.prefixes:
                return "foreign-actor"
            if not all(dep in known or self.server.notebook.document.has(dep) for dep in edit.deps):
                return "gap"
            known.add(edit.hash)
        return self.server.refuse if known else None
