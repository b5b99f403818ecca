"""One room on disk: a folder of generations, each a log that is only ever appended to.

    rooms/ROOM/00000007.log   superseded: kept, because it mends the newest where that is damaged,
                              and because a copy of the folder may just be reading it
    rooms/ROOM/00000008.log   the newest: everything so far, folded, and what came since
    rooms/ROOM/EPOCH.automerge
                              a former document of the notebook, as Automerge saves it: nothing
                              but old versions is read from it

A generation is made aside and renamed when it is whole; then it takes what is appended. Nothing in
a file is ever changed in place, so whatever a copy of the folder finds, taken at any moment, is a
room up to that moment. It knows files; whose room it is, and when to fold, is the store's business.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from ..errors import StorageError
from ..ids import Epoch, RoomId
from .datadir import sync_folder
from .records import HEADER, NAME, VERSION, Decoder, Encoder, Facts, Gap, Record, State

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 600.0
"""How long a superseded generation stays, besides the last one, for a copy that is under way."""
KEPT_BYTES: Final = 32 << 20
"""More than this, and twice the room, is not kept for it."""
SUFFIX: Final = ".log"
FORMER: Final = ".automerge"
ASIDE: Final = ".tmp"
DAMAGED: Final = ".damaged"


@dataclass(frozen=True, slots=True)
class Reading:
    """A room as it was read. `number` and `end`: its newest generation, and where records end.

    `damage`: a sentence for each thing that could not be read.
    """

    state: State
    number: int
    end: int
    size: int
    decoder: Decoder
    damage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Renewal:
    """A generation made aside, from what the one of this `number` held up to `end`."""

    number: int
    end: int
    decoder: Decoder
    fresh: Path
    encoder: Encoder


def generations(folder: Path) -> list[int]:
    """Oldest first; none if there is no such folder."""
    try:
        names = [path.name for path in folder.iterdir() if path.suffix == SUFFIX]
    except FileNotFoundError:
        return []
    return sorted(int(name[: -len(SUFFIX)]) for name in names if name[: -len(SUFFIX)].isdecimal())


def keep_aside(folder: Path, epoch: Epoch, data: bytes) -> None:
    """Put a former document beside the generations; durable on return. May be repeated."""
    _make(folder)
    fresh = _written(folder, data)
    fresh.rename(folder / f"{epoch}{FORMER}")
    sync_folder(folder)


def former(folder: Path) -> list[Path]:
    """The former documents of a room, in no order."""
    return list(folder.glob(f"*{FORMER}"))


def former_of(folder: Path, epoch: str) -> bytes | None:
    """The former document of this epoch, which somebody named. Raises `OSError`."""
    paths = [path for path in former(folder) if path.stem == epoch]
    return paths[0].read_bytes() if paths else None


def read(folder: Path) -> Reading | None:
    """What the folder holds, None if nothing. Raises `StorageError` for a newer version's."""
    numbers = generations(folder)
    if not numbers:
        return None
    *older, newest = numbers
    state = State()
    decoder, size = _replay(folder, newest, state)
    torn = next((gap for gap in decoder.gaps if gap.open_end), None)
    end = size if torn is None else torn.start
    if _sound(decoder):
        return Reading(state, newest, end, size, decoder)
    state = State()
    for number in older:
        _replay(folder, number, state)
    decoder, _ = _replay(folder, newest, state)
    lost = [doc for doc in state.documents if doc not in state.based]
    for doc in lost:
        del state.documents[doc]
    damage = (_told(decoder, size, mended=bool(older)), *map(_told_lost, lost))
    return Reading(state, newest, end, size, decoder, damage)


def renewal(folder: Path, reading: Reading, state: State) -> Renewal:
    """Make a generation that holds `state`, durably, and not yet in place."""
    encoder = Encoder()
    fresh = _written(folder, HEADER + encoder.encode(state.records()))
    return Renewal(reading.number, reading.end, reading.decoder, fresh, encoder)


class RoomLog:
    """The one writer of a room's folder; for one thread at a time, but for `close`.

    `still_ours` is asked when the folder has vanished, before it is made again; it may raise.
    """

    def __init__(self, folder: Path, room: RoomId, *, still_ours: Callable[[], None]) -> None:
        self.folder = folder
        self._room = room
        self._still_ours = still_ours
        self._file: FileIO | None = None
        self._number = 0
        self._end = 0
        self._encoder = Encoder()
        self._suspect = False

    def append(self, records: Iterable[Record]) -> None:
        """Durable on return; if it raises `OSError` nothing of it is there."""
        records = list(records)
        file = self._opened()
        if file is None:
            self._begin([Facts({"room": self._room}), *records])
            return
        if self._suspect or not _is_at(file, self._path(self._number)):
            file = self._moved_on(file)
        encoder = self._encoder.copy()
        data = encoder.encode(records)
        try:
            file.seek(self._end)
            _write(file, data)
        except OSError:
            self._take_back(file)
            raise
        try:
            _sync(file)
        except OSError:
            # What a failed sync leaves in the page cache may never be written, and looks as if.
            self._suspect = True
            raise
        self._encoder = encoder
        self._end += len(data)

    def mend(self) -> None:
        """Set aside what is damaged, and go on with what could be read."""
        self._opened()

    def renew(self, renewal: Renewal) -> bool:
        """Put a generation in place that was made from this one, with what came since."""
        try:
            file = self._opened()
            path = self._path(self._number)
            if file is None or self._number != renewal.number or not _is_at(file, path):
                return False
            file.seek(renewal.end)
            since = _read(file, self._end - renewal.end)
            with renewal.fresh.open("ab", buffering=0) as fresh:
                _write(fresh, renewal.encoder.encode(renewal.decoder.decode(since)))
                _write(fresh, renewal.encoder.placed())
                _sync(fresh)
            self._put(renewal.fresh, renewal.number + 1, renewal.encoder)
            os.utime(path)  # when it was superseded
            tidy(self.folder)
        finally:
            renewal.fresh.unlink(missing_ok=True)
        return True

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    # ------------------------------------------------------------ inside

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08}{SUFFIX}"

    def _opened(self) -> FileIO | None:
        """The newest generation's file, mended if need be; None if there is none yet."""
        if self._file is not None:
            return self._file
        reading = read(self.folder)
        if reading is None:
            return None
        self._number = reading.number
        if reading.damage:
            return self._mended(reading)
        self._file = FileIO(self._path(reading.number), "r+")
        if reading.end < reading.size:
            self._file.truncate(reading.end)  # what a crash cut short was never acknowledged
        self._end = reading.end
        self._encoder = reading.decoder.encoder()
        tidy(self.folder)
        return self._file

    def _mended(self, reading: Reading) -> FileIO | None:
        """Go on with what could be read; the damaged file stays beside it, as it was found."""
        self._begin(reading.state.records())
        damaged = self._path(reading.number)
        damaged.replace(damaged.with_suffix(DAMAGED))
        return self._file

    def _moved_on(self, file: FileIO) -> FileIO:
        """Go on in another file: this one is not where it was, or a sync of it has failed."""
        if not self._suspect:
            log.error("%s has vanished; it is written again", self._path(self._number))
            self._still_ours()
        file.seek(len(HEADER))
        state = State()
        for record in Decoder().decode(_read(file, self._end - len(HEADER))):
            state.take(record)
        self._begin(state.records())
        self._suspect = False
        if self._file is None:
            raise OSError(f"{self.folder} was closed")
        return self._file

    def _begin(self, records: Iterable[Record]) -> None:
        _make(self.folder)
        encoder = Encoder()
        data = HEADER + encoder.encode(records) + encoder.placed()
        fresh = _written(self.folder, data)
        try:
            there = generations(self.folder)
            self._put(fresh, max([self._number, *there]) + 1, encoder)
        finally:
            fresh.unlink(missing_ok=True)

    def _put(self, fresh: Path, number: int, encoder: Encoder) -> None:
        path = self._path(number)
        fresh.rename(path)
        sync_folder(self.folder)
        self.close()
        self._file = FileIO(path, "r+")
        self._number, self._encoder = number, encoder
        self._end = path.stat().st_size

    def _take_back(self, file: FileIO) -> None:
        try:
            file.truncate(self._end)
        except OSError:
            self._suspect = True


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def tidy(folder: Path, *, now: float | None = None, keep_seconds: float = KEPT_SECONDS) -> None:
    """Remove superseded generations that nobody needs any more; the last of them stays."""
    before = (time.time() if now is None else now) - keep_seconds
    for left in folder.glob(f".*{ASIDE}"):
        if left.stat().st_mtime < before:
            left.unlink(missing_ok=True)  # by a crash
    paths = [folder / f"{number:08}{SUFFIX}" for number in generations(folder)]
    sizes = {path: path.stat().st_size for path in paths}
    room_bytes = 2 * sizes[paths[-1]] + KEPT_BYTES
    for path in paths[:-2]:
        kept_bytes = sum(sizes.values()) - sizes[paths[-1]]
        if path.stat().st_mtime < before or kept_bytes > room_bytes:
            path.unlink(missing_ok=True)
            sizes.pop(path)


# ---------------------------------------------------------------- reading


def _replay(folder: Path, number: int, state: State) -> tuple[Decoder, int]:
    path = folder / f"{number:08}{SUFFIX}"
    data = path.read_bytes()
    decoder = Decoder()
    start = len(HEADER) if data.startswith(HEADER) else 0
    if start == 0 and (newer := _newer(data)):
        raise StorageError(
            f"{path} was written by a newer version of jupyter_runtimed (format {newer}, this one "
            f"knows {VERSION}); upgrade, or choose another data folder in the settings"
        )
    if start == 0:
        decoder.gaps.append(Gap(0, 0))
    for record in decoder.decode(data, start):
        state.take(record)
    return decoder, len(data)


def _newer(data: bytes) -> int:
    """The version that the file says it has, if it is a later one; else 0."""
    head = data[: len(HEADER)]
    if not head.startswith(NAME) or len(head) < len(HEADER) or head[-1] != 255 - head[-2]:
        return 0
    return head[-2] if head[-2] > VERSION else 0


def _sound(decoder: Decoder) -> bool:
    whole = all(gap.open_end for gap in decoder.gaps)
    return whole and decoder.placed and not decoder.unreadable


def _told(decoder: Decoder, size: int, *, mended: bool) -> str:
    lost = sum(gap.end - gap.start for gap in decoder.gaps)
    what = f"{lost} of {size} bytes of the stored room are damaged"
    if not decoder.placed:
        what += " or cut off"
    if decoder.unreadable:
        what += f", and {decoder.unreadable} changes build on them"
    if mended:
        what += "; they were looked for in the generation before"
    return (
        f"{what}. The damaged file is set aside, everything else is kept, and a browser that still "
        "holds what is missing sends it again"
    )


def _told_lost(doc: str) -> str:
    return f"the stored {doc} document is damaged and was set aside"


# ---------------------------------------------------------------- files


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _write(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _read(file: FileIO, size: int) -> bytes:
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _sync(file: FileIO) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(file.fileno())
    else:
        os.fsync(file.fileno())


def _written(folder: Path, data: bytes) -> Path:
    """A new file with this content, durable, under a name that no reader looks at."""
    fresh = folder / f".{secrets.token_hex(8)}{ASIDE}"
    try:
        with FileIO(fresh, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            _write(file, data)
            os.fsync(file.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh
