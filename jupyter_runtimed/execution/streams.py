"""Writer of a growing stream output: its last lines may change, the rest is settled.

The document stores a stream as blobs followed by inline text. The inline text is the part that the
terminal may still change, and enough of the end for clients to show without a fetch. If the inline
text exceeds the limit, its older half becomes a blob. Eight neighbouring blobs of similar size are
joined to one, up to about a megabyte, so there are few blobs, and each byte is stored (or fetched
by a watching client) at most three times. A larger piece of text is cut into several blobs, so that
a client can fetch a part of the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..document.content import Blob, StreamOutput
from ..document.mime import PutBlob
from ..document.runtime import Runtime
from ..ids import RunId
from .terminal import Terminal

LARGEST_JOINED_BYTES: Final = 1 << 20
JOINED_AT_ONCE: Final = 8
MOST_INLINE_CHUNKS: Final = 64


class StreamTail:
    """Writer of one stream output of a run."""

    def __init__(
        self,
        runtime: Runtime,
        run_id: RunId,
        stream: StreamOutput,
        *,
        put_blob: PutBlob,
        limit: int,
    ) -> None:
        """`limit` is the maximum length of the inline text, in characters."""
        self.stream = stream
        self._runtime = runtime
        self._run_id = run_id
        self._put_blob = put_blob
        self._limit = limit
        self._joinable: list[bytes] = []  # bytes of the last blobs that may still be joined
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
        """Continue with the rotated document `runtime`, which holds the same stream."""
        self._runtime = runtime

    # ------------------------------------------------------------ inside

    def _blobs(self) -> int:
        """Return the number of settled chunks: all up to the last blob."""
        chunks = self.stream.chunks
        for index in range(len(chunks), 0, -1):
            if isinstance(chunks[index - 1], Blob):
                return index
        return 0

    def _inline(self) -> list[str]:
        inline = self.stream.chunks[self._blobs() :]
        return [chunk for chunk in inline if isinstance(chunk, str)]

    def _without(self, back: int) -> tuple[list[str], list[str]]:
        """Return the inline chunks without the last `back` characters.

        The second list is the remainder of the chunk that is cut, if any.
        """
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
        """Move `kept` (inline chunks) and `new` (text not written yet) to blobs, except the end."""
        # Keep little of a flood inline: each tail stays in the history until the next rotation.
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
        """Return the index and the blob for `head` joined with the preceding blobs."""
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
        """Return the last blobs of at most the order of magnitude of `size`."""
        count = 0
        for data in reversed(self._joinable):
            if _order(len(data)) > _order(size):
                break
            count += 1
        return self._joinable[len(self._joinable) - count :]


def _order(size: int) -> int:
    """Return the order of magnitude: 0 below 32 KiB, 1 below 256 KiB, by `JOINED_AT_ONCE`."""
    return ((size >> 12).bit_length() - 1) // 3 if size >> 12 else 0


def _cut(kept: list[str], new: list[str], room: int) -> tuple[str, list[str], int]:
    """Return the settled text, the inline pieces, and the number of pieces from `kept`.

    The inline pieces have at most `room` characters in total.
    """
    pieces = kept + new
    at = len(pieces)
    while at and len(pieces[at - 1]) <= room:
        room -= len(pieces[at - 1])
        at -= 1
    head, tail = pieces[:at], pieces[at:]
    if at > len(kept):
        # The piece is not written yet, so it can be cut at the start of a line.
        piece = head.pop()
        place = _line_start(piece, len(piece) - room)
        head.append(piece[:place])
        if place < len(piece):
            tail.insert(0, piece[place:])
    return "".join(head), tail, max(0, len(kept) - at)


def _pieces(text: str) -> list[str]:
    """Cut the text into pieces of about `LARGEST_JOINED_BYTES`, if possible between lines."""
    pieces, at = [], 0
    while len(text) - at > 2 * LARGEST_JOINED_BYTES:
        end = text.rfind("\n", at, at + LARGEST_JOINED_BYTES) + 1 or at + LARGEST_JOINED_BYTES
        pieces.append(text[at:end])
        at = end
    return [*pieces, text[at:]]


def _line_start(text: str, at: int) -> int:
    """Return the first start of a line after `at`, or `at` if there is none before the end."""
    found = text.find("\n", at)
    return at if found < 0 or found == len(text) - 1 else found + 1
