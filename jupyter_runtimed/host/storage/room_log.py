"""A room on disk: a folder of segments, each an append-only log.

    rooms/ROOM/00000007.log   a superseded segment: kept to repair a damaged newest segment, and for
                              a backup that may be copying the folder
    rooms/ROOM/00000008.log   the newest segment: compacted data, then the changes since
    rooms/ROOM/EPOCH.automerge
                              an archived document of the notebook, in Automerge's format; used only
                              for old versions

A new segment is a temporary file that is renamed once it is complete, and then grows by appending.
No data changes in place, so a copy of the folder at any moment is a valid state of the room. This
module knows files; the store decides about locks and compaction.
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

from ...errors import StorageError
from ...ids import Epoch, RoomId
from ..fs_fallbacks import create, fill, log_once, remove, rename_over, sync_file, sync_folder
from .log_records import (
    HEADER,
    NAME,
    VERSION,
    CorruptSpan,
    Decoder,
    Encoder,
    Metadata,
    Record,
    RoomState,
)

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 600.0
"""How long superseded segments (besides the last one) stay, for backups in progress."""
KEPT_BYTES: Final = 32 << 20
"""The size limit of superseded segments, in addition to twice the size of the room."""
SUFFIX: Final = ".log"
FORMER: Final = ".automerge"
ASIDE: Final = ".tmp"
DAMAGED: Final = ".damaged"


@dataclass(frozen=True, slots=True)
class RoomSnapshot:
    """The state of a room read from disk.

    `number` is the newest segment, `size` its size in bytes, and `end` the end of its last complete
    record. `damage` has a message for each unreadable part.
    """

    state: RoomState
    number: int
    end: int
    size: int
    decoder: Decoder
    damage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compaction:
    """A compacted temporary segment, made from the segment `number` up to its offset `end`."""

    number: int
    end: int
    decoder: Decoder
    fresh: Path
    encoder: Encoder


def segments(folder: Path) -> list[int]:
    """Return the numbers of the segments, oldest first; an empty list without a folder."""
    try:
        names = [path.name for path in folder.iterdir() if path.suffix == SUFFIX]
    except FileNotFoundError:
        return []
    return sorted(int(name[: -len(SUFFIX)]) for name in names if name[: -len(SUFFIX)].isdecimal())


def archive(folder: Path, epoch: Epoch, data: bytes) -> None:
    """Archive a document beside the segments; durable on return, idempotent."""
    _make(folder)
    fresh = _written(folder, data)
    rename_over(fresh, folder / f"{epoch}{FORMER}")
    sync_folder(folder)


def former(folder: Path) -> list[Path]:
    """Return the files of a room's archived documents, unordered."""
    return list(folder.glob(f"*{FORMER}"))


def read_archive(folder: Path, epoch: str) -> bytes | None:
    """Return the archived document of this epoch, or None. Raises `OSError`.

    Clients send `epoch`, so compare it with the existing names instead of building a path.
    """
    paths = [path for path in former(folder) if path.stem == epoch]
    return paths[0].read_bytes() if paths else None


def read(folder: Path) -> RoomSnapshot | None:
    """Read a room; return None without segments.

    Raises `StorageError` for a folder from a newer version, `OSError` for unreadable files.
    """
    numbers = segments(folder)
    if not numbers:
        return None
    *older, newest = numbers
    state = RoomState()
    decoder, size = _replay(folder, newest, state)
    torn = next((gap for gap in decoder.gaps if gap.open_end), None)
    end = size if torn is None else torn.start
    if _sound(decoder):
        return RoomSnapshot(state, newest, end, size, decoder)
    state = RoomState()
    for number in older:
        _replay(folder, number, state)
    decoder, _ = _replay(folder, newest, state)
    lost = [doc for doc in state.documents if doc not in state.based]
    for doc in lost:
        del state.documents[doc]
    damage = (_told(decoder, size, mended=bool(older)), *map(_told_lost, lost))
    return RoomSnapshot(state, newest, end, size, decoder, damage)


def compaction(folder: Path, reading: RoomSnapshot, state: RoomState) -> Compaction:
    """Write `state` to a durable temporary segment."""
    encoder = Encoder()
    fresh = _written(folder, HEADER + encoder.encode(state.records()))
    return Compaction(reading.number, reading.end, reading.decoder, fresh, encoder)


class RoomLog:
    """The only writer of a room's folder. Only `close` may run beside another call.

    If the folder has vanished, the log calls `still_ours` before it recreates the folder;
    `still_ours` raises if another server has the room.
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
        """Append records; durable on return. Raises `OSError` if no record was appended."""
        records = list(records)
        file = self._opened()
        if file is None:
            self._begin([Metadata({"room": self._room}), *records])
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
            # After a failed sync, the page cache may show data that never reaches the disk.
            self._suspect = True
            raise
        self._encoder = encoder
        self._end += len(data)

    def repair(self) -> None:
        """Set a damaged segment aside, and continue with the readable records."""
        self._opened()

    def replace_segment(self, renewal: Compaction) -> bool:
        """Append the records since the compaction to its segment, and install the segment.

        Return False if another segment has replaced the compacted one.
        """
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
            self._superseded(path)
        finally:
            remove(renewal.fresh)
        return True

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    # ------------------------------------------------------------ inside

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:08}{SUFFIX}"

    def _opened(self) -> FileIO | None:
        """Return the newest segment's file, repaired if necessary; None without a segment."""
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
            self._file.truncate(reading.end)  # a record cut by a crash was never acknowledged
        self._end = reading.end
        self._encoder = reading.decoder.encoder()
        self._tidy()
        return self._file

    def _mended(self, reading: RoomSnapshot) -> FileIO | None:
        """Write the readable records to a new segment; keep the damaged file unchanged."""
        self._begin(reading.state.records())
        damaged = self._path(reading.number)
        rename_over(damaged, damaged.with_suffix(DAMAGED))
        return self._file

    def _moved_on(self, file: FileIO) -> FileIO:
        """Continue in a new segment, because the file has vanished or its sync failed."""
        if not self._suspect:
            log.error("%s has vanished; writing it again", self._path(self._number))
            self._still_ours()
        file.seek(len(HEADER))
        state = RoomState()
        for record in Decoder().decode(_read(file, self._end - len(HEADER))):
            state.take(record)
        self._begin(state.records())
        self._suspect = False
        if self._file is None:
            raise OSError(f"the log in {self.folder} was closed")
        return self._file

    def _begin(self, records: Iterable[Record]) -> None:
        _make(self.folder)
        encoder = Encoder()
        data = HEADER + encoder.encode(records) + encoder.placed()
        fresh = _written(self.folder, data)
        try:
            there = segments(self.folder)
            self._put(fresh, max([self._number, *there]) + 1, encoder)
        finally:
            remove(fresh)

    def _put(self, fresh: Path, number: int, encoder: Encoder) -> None:
        path = self._path(number)
        fresh.rename(path)
        sync_folder(self.folder)
        self.close()
        self._file = FileIO(path, "r+")
        self._number, self._encoder = number, encoder
        self._end = path.stat().st_size

    def _superseded(self, path: Path) -> None:
        """Record the time of replacement; only log errors, because the new segment is installed."""
        try:
            os.utime(path)
        except OSError as error:
            log_once(self.folder, "to set a file's time", error, "old segments may go early")
        self._tidy()

    def _tidy(self) -> None:
        try:
            prune(self.folder)
        except OSError as error:
            log_once(self.folder, "to remove old segments", error, "they stay for now")

    def _take_back(self, file: FileIO) -> None:
        try:
            file.truncate(self._end)
        except OSError:
            self._suspect = True


def _make(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def prune(folder: Path, *, now: float | None = None, keep_seconds: float = KEPT_SECONDS) -> None:
    """Remove expired superseded segments, except the last one, and temporary files of crashes."""
    before = (time.time() if now is None else now) - keep_seconds
    for left in folder.glob(f".*{ASIDE}"):
        if left.stat().st_mtime < before:
            left.unlink(missing_ok=True)
    paths = [folder / f"{number:08}{SUFFIX}" for number in segments(folder)]
    sizes = {path: path.stat().st_size for path in paths}
    room_bytes = 2 * sizes[paths[-1]] + KEPT_BYTES
    for path in paths[:-2]:
        kept_bytes = sum(sizes.values()) - sizes[paths[-1]]
        if path.stat().st_mtime < before or kept_bytes > room_bytes:
            path.unlink(missing_ok=True)
            sizes.pop(path)


# ---------------------------------------------------------------- reading


def _replay(folder: Path, number: int, state: RoomState) -> tuple[Decoder, int]:
    path = folder / f"{number:08}{SUFFIX}"
    data = path.read_bytes()
    decoder = Decoder()
    start = len(HEADER) if data.startswith(HEADER) else 0
    if start == 0 and (newer := _newer(data)):
        raise StorageError(
            f"{path} was written by a newer version of jupyter_runtimed (format {newer}, this "
            f"version knows {VERSION}); upgrade, or choose another data folder in the settings"
        )
    if start == 0:
        decoder.gaps.append(CorruptSpan(0, 0))
    for record in decoder.decode(data, start):
        state.take(record)
    return decoder, len(data)


def _newer(data: bytes) -> int:
    """Return the version in the file's header if it is newer than `VERSION`, else 0."""
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
        what += f", and {decoder.unreadable} changes depend on them"
    if mended:
        what += "; the server looked for them in the previous segment"
    return (
        f"{what}. The damaged file is set aside, all other data is kept, and a browser that still "
        "has the missing changes sends them again"
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
    sync_file(file.fileno(), Path(str(file.name)).parent, data_only=True)


def _written(folder: Path, data: bytes) -> Path:
    """Write a durable temporary file with this content, under a name that readers ignore."""
    fresh = folder / f".{secrets.token_hex(8)}{ASIDE}"
    fill(create(fresh, 0o600), fresh, data)
    return fresh
