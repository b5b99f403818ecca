"""Reads the stored runtime documents of all rooms, to find the blobs that they refer to.

`room_log` describes the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...document.schema import RUNTIME
from ...errors import StorageError
from .log_records import HEADER, Decoder, Incremental, Record, RoomState, Snapshot
from .room_log import DAMAGED, SUFFIX, segments


def runtimes(rooms: Path) -> Iterator[bytes]:
    """Yield the final runtime document of each segment of each room, also of superseded segments.

    Raises `StorageError` for an unreadable segment. Not for the event loop.
    """
    for folder in rooms.iterdir():
        yield from _of_room(folder)


def scraps(rooms: Path) -> Iterator[bytes]:
    """Yield the readable records of files that were set aside as damaged."""
    for path in rooms.glob(f"*/*{DAMAGED}"):
        for record in _records(path.read_bytes(), Decoder()):
            if isinstance(record, Snapshot | Incremental):
                yield record.data


def _of_room(folder: Path) -> Iterator[bytes]:
    seen: set[int] = set()
    # A new segment may replace one during this loop; the new segment has all of its data.
    while fresh := [number for number in segments(folder) if number not in seen]:
        seen.update(fresh)
        for number in fresh:
            yield from _of_file(folder / f"{number:08}{SUFFIX}")


def _of_file(path: Path) -> Iterator[bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if not data.startswith(HEADER):
        raise StorageError(f"{path} is damaged, or from a newer version of jupyter-runtimed")
    decoder, state = Decoder(), RoomState()
    for record in _records(data, decoder):
        state.take(record)
    if decoder.unreadable or any(not gap.open_end for gap in decoder.gaps):
        raise StorageError(f"{path} is damaged")
    if RUNTIME in state.documents:
        _, chunks = state.documents[RUNTIME]
        yield b"".join(chunks)


def _records(data: bytes, decoder: Decoder) -> Iterable[Record]:
    return decoder.decode(data, len(HEADER))
