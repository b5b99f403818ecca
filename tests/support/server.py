"""A simulated server: the real room, with a disk, a store and a kernel that can fail.

The server carries out effects as the host does, in simulated time. A crash keeps only durable data:
committed writes of the store, blobs, and the file.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.file_version import FileStamp, FileVersion
from jupyter_runtimed.document.permissions import Permissions
from jupyter_runtimed.errors import NotebookError
from jupyter_runtimed.host.archived_documents import last_changes_by_actor
from jupyter_runtimed.host.storage.store import recent, unseen
from jupyter_runtimed.ids import RoomId, SessionId, Sha256
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.room import effects as fx
from jupyter_runtimed.room import events as ev
from jupyter_runtimed.room import factory
from jupyter_runtimed.room.file.known_versions import Past
from jupyter_runtimed.room.file.merge import merge
from jupyter_runtimed.room.room import Room
from jupyter_runtimed.room.settings import Settings

from .clock import Clock
from .kernel import SimKernel

SECRET = b"a secret of the simulation"
COMMIT_MS = 3
WRITE_MS = 8
MERGE_MS = 60
"""The maximum duration of a merge of an outside change."""


@dataclass
class Disk:
    """The data that survives a crash."""

    file: bytes
    documents: dict[str, tuple[str, list[bytes]]] = field(default_factory=dict)
    saved: FileVersion | None = None
    intended: FileVersion | None = None
    tried: list[FileVersion] = field(default_factory=list)
    past: list[Past] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    former: dict[str, bytes] = field(default_factory=dict)
    writes: int = 0

    def stamp(self) -> FileStamp:
        return FileStamp(hashlib.sha256(self.file).hexdigest(), "now")


class SimServer:
    def __init__(
        self, clock: Clock, disk: Disk, settings: Settings, new_id: Callable[[], str]
    ) -> None:
        self.clock = clock
        self.disk = disk
        self.settings = settings
        self.up = True
        self.opened = 0
        self.room: Room | None = None
        self.kernel: SimKernel | None = None
        self.refuse_interrupts = False
        self.commit_ms = COMMIT_MS
        self.outlets: dict[SessionId, Callable[[bytes], None]] = {}
        self.hangups: dict[SessionId, Callable[[], None]] = {}
        self.answers: dict[int, fx.CallResult] = {}
        self.executed: dict[str, str] = {}
        self._new_id = new_id
        self._pending: list[Callable[[], None]] = []
        self._life = 0
        self._sessions = 0
        self._kernels = 0
        self._committing = False
        self._durable = 0
        self._handled_ms = 0
        self._wish_ms = 0
        self._early: list[ev.Event] = []
        self._inbox: deque[ev.Event] = deque()
        self._draining = False

    # ------------------------------------------------------------ connections

    @property
    def may_open(self) -> bool:
        """Make a room from a notebook, or from the store."""
        return self.up and ("notebook" in self.disk.documents or self._read_file() is not None)

    def connect(
        self,
        name: str,
        rights: Permissions,
        outlet: Callable[[bytes], None],
        hangup: Callable[[], None],
    ) -> SessionId:
        self.open_room()
        self._sessions += 1
        session = SessionId(f"s{self._life}-{self._sessions}")
        self.outlets[session] = outlet
        self.hangups[session] = hangup
        self._when_kept(ev.Joined(session, ev.User(name, name), rights))
        return session

    def receive(self, session: SessionId, data: bytes, rights: Permissions) -> None:
        if session in self.outlets:
            self._when_kept(ev.Received(session, frames.decode(data), rights))

    def _when_kept(self, event: ev.Event) -> None:
        """Connect clients only after the room's documents are durable."""
        if "notebook" in self.disk.documents:
            self.post(event)
        else:
            self._early.append(event)

    def disconnect(self, session: SessionId) -> None:
        if self.outlets.pop(session, None) is not None:
            self.hangups.pop(session)
            self._when_kept(ev.Left(session))

    # ------------------------------------------------------------ start, stop and crash

    def crash(self) -> None:
        """Kill the server with `kill -9`: everything not on disk is lost, including the kernel."""
        self._life += 1
        self.up = False
        self.room = None
        self._pending.clear()
        self._early.clear()
        self._committing = False
        self._durable = 0
        self.outlets.clear()
        if self.kernel is not None:
            self.kernel.kill()
            self.kernel = None
        hangups, self.hangups = self.hangups, {}
        for hangup in hangups.values():
            hangup()

    def start(self) -> None:
        self.up = True

    def open_room(self) -> Room:
        if self.room is not None:
            return self.room
        self.opened += 1
        making = factory.RoomContext(
            RoomId("room"), "a.ipynb", self.settings, SECRET, self._new_id, "simulated",
            tuple(self.disk.past),
        )  # fmt: skip
        found = self._read_file()
        now, kept = self._now(), self.disk.documents
        self._handled_ms = now
        if "notebook" in kept:
            both = {
                name: factory.StoredDocument(epoch, b"".join(chunks))  # type: ignore[arg-type]
                for name, (epoch, chunks) in kept.items()
            }
            self.room, effects = factory.from_store(
                making,
                both["notebook"],
                both.get("runtime"),
                [base for base in (self.disk.saved, self.disk.intended) if base is not None],
                rendered=self.disk.tried,
                file=None if found is None else found.content,
                stamp=None if found is None else self.disk.stamp(),
                trusted=(),
                now_ms=now,
            )
            self._carry_out(effects)
            if self.kernel is None:
                self._post_later(1, lambda: ev.KernelStatusChanged("none"))
        else:
            assert found is not None
            self.room, effects = factory.from_file(
                making, found.content, self.disk.stamp(), trusted=(), now_ms=now
            )
            self._carry_out(effects)
        return self.room

    def _read_file(self) -> ipynb.FileContent | None:
        """None: the file is not a notebook."""
        try:
            return ipynb.read(self.disk.file, new_id=self._new_id, put_blob=self._put_blob)
        except NotebookError:
            return None

    def write_outside(self, data: bytes, *, by: ev.User | None = None) -> None:
        """Write the file as another program, or as the contents manager in the name of a user."""
        self.disk.file = data
        life = self._life

        def seen() -> None:
            if life == self._life and (found := self._seen()) is not None:
                self.post(replace(found, by=by))

        self.clock.after(20, seen)

    # ------------------------------------------------------------ the host's part

    def post(self, event: ev.Event) -> None:
        """Queue events that occur while effects are carried out, as the host does."""
        self._inbox.append(event)
        if self._draining:
            return
        self._draining = True
        try:
            while self._inbox:
                event = self._inbox.popleft()
                if self.room is not None:
                    due_ms = self._wish_ms if isinstance(event, ev.TimerFired) else 0
                    self._handled_ms = max(self._now(), due_ms)
                    self._carry_out(self.room.handle(event, self._handled_ms))
        finally:
            self._draining = False

    def _now(self) -> int:
        """Return the server's own time."""
        return self.clock.now

    def _post_later(self, delay_ms: int, event: Callable[[], ev.Event | None]) -> None:
        life = self._life

        def arrive() -> None:
            if life == self._life and (happened := event()) is not None:
                self.post(happened)

        self.clock.after(delay_ms, arrive)

    def _carry_out(self, effects: list[fx.Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Send():
                for session in effect.sessions:
                    if session in self.outlets:
                        self.outlets[session](effect.data)
            case fx.Append() | fx.Replace() | fx.RecordFileVersion():
                self._store(effect)
            case fx.PutBlob():
                self._put_blob(effect.data)
            case fx.SaveFile() | fx.MergeFile() | fx.ReadArchive():
                self._file_do(effect)
            case fx.SetTimer():
                room = self.room
                self._wish_ms = effect.at_ms
                delay = effect.at_ms - self._handled_ms
                self._post_later(delay, lambda: self._woken(room, effect.at_ms))
            case fx.CloseRoom():
                assert self.room is not None
                self._put_away(self.room)
                self.room = None
            case fx.Disconnect():
                self.outlets.pop(effect.session, None)
                hangup = self.hangups.pop(effect.session, None)
                if hangup is not None:
                    hangup()
            case fx.CallResult():
                self.answers[effect.ticket] = effect
            case _:
                self._kernel_do(effect)

    def _put_away(self, room: Room) -> None:
        if (rotated := room.rotate_history()) is not None:
            self.disk.former[rotated.former_epoch] = rotated.former
            self._kept_aside()
            self.disk.documents["notebook"] = (rotated.epoch, [rotated.data])
            self.disk.saved, self.disk.intended = rotated.saved, None
            self.disk.tried, self.disk.past = [], []

    def _kept_aside(self) -> None:
        """Do the first of the two writes of a rotation."""

    def _looked_back(self, effect: fx.ReadArchive) -> ev.ArchiveRead:
        data = self.disk.former.get(effect.epoch)
        last = {} if data is None else last_changes_by_actor(data)
        return ev.ArchiveRead(effect.session, effect.hello, last)

    def _woken(self, room: Room | None, at_ms: int) -> ev.TimerFired | None:
        """Keep only the newest timer request, as the host does."""
        return ev.TimerFired() if self.room is room and self._wish_ms == at_ms else None

    def _file_do(self, effect: fx.SaveFile | fx.MergeFile | fx.ReadArchive) -> None:
        if isinstance(effect, fx.SaveFile):
            self._post_later(WRITE_MS, lambda: self._intend(effect))
            return
        took_ms = self.clock.random.randint(0, MERGE_MS)
        if isinstance(effect, fx.MergeFile):
            self._post_later(took_ms, lambda: merge(effect))
        else:
            self._post_later(took_ms, lambda: self._looked_back(effect))

    def _kernel_do(self, effect: fx.Effect) -> None:
        match effect:
            case fx.StartKernel():
                self._kernels += 1
                self.kernel = SimKernel(self.clock, self.post, self._kernels)
                self.kernel.start()
            case fx.ExecuteCell() if self.kernel is not None:
                self.executed[effect.run] = effect.code
                self.kernel.execute(effect)
            case fx.AnswerInput() if self.kernel is not None:
                self.kernel.answer(effect.text)
            case fx.RestartKernel() if self.kernel is None:
                self._post_later(5, lambda: ev.KernelFailed("there is no kernel", effect.ticket))
            case fx.RestartKernel() if self.kernel is not None:
                self.kernel.restart()
                self._post_later(25, lambda: ev.KernelActionDone(effect.ticket))
            case fx.InterruptKernel():
                self._post_later(5, lambda: self._interrupted(effect.ticket))
            case fx.ShutdownKernel():
                if self.kernel is not None:
                    self.kernel.kill()
                    self.kernel = None
                self._post_later(5, lambda: ev.KernelStatusChanged("none"))
                self._post_later(6, lambda: ev.KernelActionDone(effect.ticket))

    def _interrupted(self, ticket: int) -> ev.Event:
        if self.refuse_interrupts:
            return ev.KernelFailed("the kernel takes no interrupts", ticket)
        return ev.KernelActionDone(ticket)

    def _put_blob(self, data: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        self.disk.blobs[sha256] = data
        return sha256

    def _store(self, effect: fx.Append | fx.Replace | fx.RecordFileVersion) -> None:
        self._submit(lambda: self._commit_one(effect))

    def _submit(self, write: Callable[[], None]) -> None:
        """Commit in groups: writes requested before the commit become durable together."""
        self._pending.append(write)
        if self._committing:
            return
        self._committing = True
        life = self._life
        took_ms = self.clock.random.randint(0, self.commit_ms)
        self.clock.after(took_ms, lambda: self._commit() if life == self._life else None)

    def _commit(self) -> None:
        self._committing = False
        pending, self._pending = self._pending, []
        durable = self._durable
        for done in pending:
            done()
        if self._durable != durable:
            self.post(ev.Stored(self._durable))
        early, self._early = self._early, []
        for event in early:
            self._when_kept(event)

    def _commit_one(self, effect: fx.Append | fx.Replace | fx.RecordFileVersion) -> None:
        self._durable = effect.number
        match effect:
            case fx.Append():
                epoch, chunks = self.disk.documents[effect.doc]
                assert epoch == effect.epoch
                chunks.append(effect.data)
            case fx.Replace():
                self.disk.documents[effect.doc] = (effect.epoch, [effect.data])
            case fx.RecordFileVersion():
                saved = FileVersion(effect.heads, effect.stamp)
                if self.disk.saved not in (None, saved):
                    self.disk.past = recent(
                        [*self.disk.past, (effect.at, self.disk.saved)], effect.at
                    )
                self.disk.saved = saved
                self._intended_over(None, effect.stamp)

    def _intend(self, effect: fx.SaveFile) -> ev.Event | None:
        """Render and report the bytes of the save; the file is replaced later."""
        stamp = self.disk.stamp()
        if effect.expected is not None and effect.expected.hash != stamp.hash:
            return self._seen(effect.attempt)
        data = ipynb.write(
            effect.content, get_blob=lambda sha: self.disk.blobs[sha], like=self.disk.file
        )
        made = FileStamp(hashlib.sha256(data).hexdigest(), "now")

        if data != self.disk.file:
            self.post(ev.Rendered(effect.heads, effect.content, made))

        def intended() -> None:
            self._intended_over(FileVersion(effect.heads, made), made)

        def write() -> None:
            self._post_later(WRITE_MS, lambda: self._write_file(effect, stamp, data))

        self._intend_and(intended, write)
        return None

    def _intended_over(self, fresh: FileVersion | None, known: FileStamp) -> None:
        tried, was = self.disk.tried, self.disk.intended
        versions = unseen(
            [(one.heads, one.stamp) for one in tried],
            None if was is None else (was.heads, was.stamp),
            ((), known),
        )
        self.disk.tried = [FileVersion(heads, stamp) for heads, stamp in versions]
        self.disk.intended = fresh

    def _intend_and(self, intended: Callable[[], None], write: Callable[[], None]) -> None:
        def both() -> None:
            intended()
            write()

        self._submit(both)

    def _write_file(self, effect: fx.SaveFile, expected: FileStamp, data: bytes) -> ev.Event | None:
        if self.disk.stamp() != expected:
            return self._seen(effect.attempt)
        if data != self.disk.file:
            self.disk.file = data
            self.disk.writes += 1
        return ev.Saved(effect.attempt, self.disk.stamp())

    def _seen(self, attempt: int | None = None) -> ev.Event | None:
        if (found := self._read_file()) is not None:
            return ev.FileChanged(found.content, self.disk.stamp(), attempt)
        # A half-written file is not merged, and nothing is saved over it.
        return None if attempt is None else ev.FileSaveFailed(attempt, "this is not a notebook now")
