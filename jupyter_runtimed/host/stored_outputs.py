"""What the store holds of outputs, whoever's they are: for who has to know what is referred to.

See `room_log` for the files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..document.schema import RUNTIME
from ..errors import StorageError
from .records import HEADER, Change, Decoder, Record, State, Whole
from .room_log import DAMAGED, SUFFIX, generations


def runtimes(rooms: Path) -> Iterator[bytes]:
    """The runtime document of each generation of each room, superseded ones too, as it ends.

    Raises `StorageError` for a generation that cannot be read. Not for the event loop.
    """
    for folder in rooms.iterdir():
        yield from _of_room(folder)


def scraps(rooms: Path) -> Iterator[bytes]:
    """What can be read of files that were set aside as damaged, in pieces."""
    for path in rooms.glob(f"*/*{DAMAGED}"):
        for record in _records(path.read_bytes(), Decoder()):
            if isinstance(record, Whole | Change):
                yield record.data


def _of_room(folder: Path) -> Iterator[bytes]:
    seen: set[int] = set()
    # A generation may be superseded meanwhile: what it held is in the next one.
    while fresh := [number for number in generations(folder) if number not in seen]:
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
        raise StorageError(f"{path} is damaged, or a newer version's")
    decoder, state = Decoder(), State()
    for record in _records(data, decoder):
        state.take(record)
    if decoder.unreadable or any(not gap.open_end for gap in decoder.gaps):
        raise StorageError(f"{path} is damaged")
    if RUNTIME in state.documents:
        _, chunks = state.documents[RUNTIME]
        yield b"".join(chunks)


def _records(data: bytes, decoder: Decoder) -> Iterable[Record]:
    return decoder.decode(data, len(HEADER))
