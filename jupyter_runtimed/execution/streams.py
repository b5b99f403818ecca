"""The end of a growing stream output: appended to, its last lines still changing, the rest settled.

In the document a stream is blobs first, then text. A little text stays inline: what the terminal
may still change, and enough of the end to be read without fetching. When more than the limit is
inline, the older half goes to a blob. Eight neighbouring blobs of like size are joined to one, up
to about a megabyte: few blobs, and no byte is written (or fetched by who watches) more than thrice.
What comes in a larger piece is cut: whoever wants a part of it need not hold the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..document.content import Blob, Stream
from ..document.mime import PutBlob
from ..document.runtime import Runtime
from ..ids import RunId
from .terminal import Terminal

LARGEST_JOINED_BYTES: Final = 1 << 20
JOINED_AT_ONCE: Final = 8
MOST_INLINE_CHUNKS: Final = 64


class StreamTail:
    """Writes to one stream output of a run."""

    def __init__(
        self, runtime: Runtime, run_id: RunId, stream: Stream, *, put_blob: PutBlob, limit: int
    ) -> None:
        """`limit`: how many characters may stay inline."""
        self.stream = stream
        self._runtime = runtime
        self._run_id = run_id
        self._put_blob = put_blob
        self._limit = limit
        self._joinable: list[bytes] = []  # what the last blobs hold, while they may be joined
        self._terminal = Terminal("".join(self._inline()))
        self._terminal.forget(limit)

    def write(self, text: str) -> None:
        edit = self._terminal.feed(text)
        if not edit.back and not edit.text:
            return
        kept, new = self._without(edit.back)
        if edit.text:
            new.append(edit.text)
        if sum(map(len, kept)) + sum(map(len, new)) > self._limit:
            self._settle(kept, new)
        elif len(kept) + len(new) > MOST_INLINE_CHUNKS:
            self._splice(self._blobs(), None, ["".join(kept + new)])
        else:
            self._splice(self._blobs() + len(kept), None, new)

    def use(self, runtime: Runtime) -> None:
        """Go on in a rotated document: it holds the same stream."""
        self._runtime = runtime

    # ------------------------------------------------------------ inside

    def _blobs(self) -> int:
        """How many chunks are settled: all up to the last blob."""
        chunks = self.stream.chunks
        for index in range(len(chunks), 0, -1):
            if isinstance(chunks[index - 1], Blob):
                return index
        return 0

    def _inline(self) -> list[str]:
        inline = self.stream.chunks[self._blobs() :]
        return [chunk for chunk in inline if isinstance(chunk, str)]

    def _without(self, back: int) -> tuple[list[str], list[str]]:
        """The inline chunks that stay whole without `back` characters, and what is left of one."""
        kept = self._inline()
        while back and kept:
            chunk = kept.pop()
            if len(chunk) > back:
                return kept, [chunk[:-back]]
            back -= len(chunk)
        return kept, []

    def _splice(self, start: int, delete: int | None, chunks: Sequence[str | Blob]) -> None:
        if delete is None:
            delete = len(self.stream.chunks) - start
        self.stream = self._runtime.splice_chunks(
            self._run_id, self.stream.id, start, delete, chunks
        )

    def _settle(self, kept: list[str], new: list[str]) -> None:
        """Move all but the end of `kept` (chunks already) and `new` text to a blob."""
        # Of a flood little stays: each tail is history that is carried until the next rotation.
        flood = sum(map(len, new)) > 2 * self._limit
        head, tail, stay = _cut(kept, new, self._limit // (8 if flood else 2))
        blobs = self._blobs()
        if stay:
            self._splice(blobs + len(kept), None, tail[stay:])
        *large, rest = _pieces(head)
        settled = [self._blob(piece.encode()) for piece in large]
        first, last = self._join(rest, blobs)
        settled.append(last)
        if stay:
            self._splice(first, blobs - first + len(kept) - stay, settled)
        else:
            self._splice(first, None, [*settled, *tail])
        self._terminal.forget(sum(map(len, tail)))

    def _join(self, head: str, blobs: int) -> tuple[int, Blob]:
        """A blob of `head`, joined with blobs before it; and the index that it takes."""
        data = head.encode()
        while (alike := self._alike(len(data))) and len(alike) >= JOINED_AT_ONCE - 1:
            del self._joinable[-len(alike) :]
            data = b"".join(alike) + data
            blobs -= len(alike)
        return blobs, self._blob(data)

    def _blob(self, data: bytes) -> Blob:
        if len(data) > LARGEST_JOINED_BYTES // JOINED_AT_ONCE:
            self._joinable.clear()
        else:
            self._joinable.append(data)
        return Blob(self._put_blob(data), len(data), "utf-8")

    def _alike(self, size: int) -> list[bytes]:
        """The last blobs that are of the same order as `size`, or smaller."""
        count = 0
        for data in reversed(self._joinable):
            if _order(len(data)) > _order(size):
                break
            count += 1
        return self._joinable[len(self._joinable) - count :]


def _order(size: int) -> int:
    """0 below 32 KiB, 1 below 256 KiB, and so on by the factor of `JOINED_AT_ONCE`."""
    return ((size >> 12).bit_length() - 1) // 3 if size >> 12 else 0


def _cut(kept: list[str], new: list[str], room: int) -> tuple[str, list[str], int]:
    """What settles, what stays (at most `room` characters), and how many of these are `kept`."""
    pieces = kept + new
    at = len(pieces)
    while at and len(pieces[at - 1]) <= room:
        room -= len(pieces[at - 1])
        at -= 1
    head, tail = pieces[:at], pieces[at:]
    if at > len(kept):
        # The piece before the cut is not written yet, so it can be cut where a line begins.
        piece = head.pop()
        place = _line_start(piece, len(piece) - room)
        head.append(piece[:place])
        if place < len(piece):
            tail.insert(0, piece[place:])
    return "".join(head), tail, max(0, len(kept) - at)


def _pieces(text: str) -> list[str]:
    """The text in pieces of about `LARGEST_JOINED_BYTES`, cut where lines begin if any do."""
    pieces, at = [], 0
    while len(text) - at > 2 * LARGEST_JOINED_BYTES:
        end = text.rfind("\n", at, at + LARGEST_JOINED_BYTES) + 1 or at + LARGEST_JOINED_BYTES
        pieces.append(text[at:end])
        at = end
    return [*pieces, text[at:]]


def _line_start(text: str, at: int) -> int:
    """The first place from `at` on where a line begins; `at` itself if none does before the end."""
    found = text.find("\n", at)
    return at if found < 0 or found == len(text) - 1 else found + 1
