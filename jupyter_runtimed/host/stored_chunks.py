"""Everything that the store holds of documents, in pieces, whoever they belong to.

For who has to know what is referred to; nothing is put together. See `room_log` for the files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageError
from .records import HEADER, Change, Decoder, Whole
from .room_log import SUFFIX, generations

DAMAGED = ".damaged"


def chunks(rooms: Path) -> Iterator[bytes]:
    """Chunks of every document of every room, superseded generations and set aside ones too.

    Raises `StorageError` for a generation that cannot be read. Not for the event loop.
    """
    for folder in rooms.iterdir():
        yield from _of_room(folder)


def _of_room(folder: Path) -> Iterator[bytes]:
    seen: set[int] = set()
    # A generation may be superseded meanwhile: what it held is in the next one.
    while fresh := [number for number in generations(folder) if number not in seen]:
        seen.update(fresh)
        for number in fresh:
            yield from _of_file(folder / f"{number:08}{SUFFIX}")
    for path in folder.glob(f"*{DAMAGED}"):
        yield from _decoded(path.read_bytes(), Decoder())


def _of_file(path: Path) -> Iterator[bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if not data.startswith(HEADER):
        raise StorageError(f"{path} is damaged, or a newer version's")
    decoder = Decoder()
    yield from _decoded(data, decoder)
    if decoder.unreadable or any(not gap.open_end for gap in decoder.gaps):
        raise StorageError(f"{path} is damaged")


def _decoded(data: bytes, decoder: Decoder) -> Iterator[bytes]:
    for record in decoder.decode(data, len(HEADER)):
        if isinstance(record, Whole | Change):
            yield record.data
