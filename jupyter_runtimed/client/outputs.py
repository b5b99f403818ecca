"""Outputs in nbformat's form, and the download of large values (blobs) by their hash."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias, cast

from ..document import json_text
from ..document.content import Blob, DisplayOutput, ErrorOutput, MimeValue, Output, StreamOutput
from ..document.ipynb.to_nbformat import Shape
from ..errors import StorageError
from ..ids import Sha256
from .address import Address

NbOutput: TypeAlias = dict[str, Any]
"""One output in the form of nbformat 4, with each text as a single string."""

KEPT_BYTES: Final = 64 << 20


class Blobs:
    """Downloaded blobs, in a cache that evicts the least recently used blobs first."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._kept: OrderedDict[Sha256, bytes] = OrderedDict()
        self._kept_bytes = 0

    def get(self, sha256: Sha256) -> bytes | None:
        if (data := self._kept.get(sha256)) is not None:
            self._kept.move_to_end(sha256)
        return data

    async def fetch(self, blobs: Iterable[Blob]) -> dict[Sha256, bytes]:
        """Return the bytes of these blobs by hash, from the cache or the server.

        Raises `StorageError` for a damaged blob, or any error of `Address.request`.
        """
        wanted = list(dict.fromkeys(blob.sha256 for blob in blobs))
        return dict(zip(wanted, await asyncio.gather(*map(self._fetch, wanted)), strict=True))

    async def _fetch(self, sha256: Sha256) -> bytes:
        if (data := self.get(sha256)) is not None:
            return data
        data = await self._address.blob(sha256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StorageError(f"the output {sha256} arrived damaged; fetch it again")
        self._kept[sha256] = data
        self._kept_bytes += len(data)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
        return data


def blobs_of(outputs: Iterable[Output]) -> Iterator[Blob]:
    for output in outputs:
        if isinstance(output, StreamOutput):
            yield from (chunk for chunk in output.chunks if isinstance(chunk, Blob))
        elif isinstance(output, DisplayOutput):
            yield from (value for value in output.data.values() if isinstance(value, Blob))
        elif isinstance(output, ErrorOutput):
            parts = (output.evalue, *output.traceback)
            yield from (part for part in parts if isinstance(part, Blob))


def inline(outputs: Iterable[Output], known: Callable[[Sha256], bytes | None]) -> list[NbOutput]:
    """Convert outputs to nbformat without a request to the server.

    `known` returns the bytes of a blob, or None. A text with the size replaces an unknown blob.
    """
    held = list(outputs)
    found = {blob.sha256: known(blob.sha256) for blob in blobs_of(held)}
    here = {sha256: data for sha256, data in found.items() if data is not None}
    return to_nbformat([_without_missing(output, here) for output in held], here)


def _without_missing(output: Output, here: Mapping[Sha256, bytes]) -> Output:
    def shown(value: MimeValue) -> MimeValue:
        if isinstance(value, Blob) and value.sha256 not in here:
            return f"<{value.size} bytes: await fetch_outputs>"
        return value

    if isinstance(output, StreamOutput):
        chunks = tuple(cast("str | Blob", shown(chunk)) for chunk in output.chunks)
        return replace(output, chunks=chunks)
    if isinstance(output, DisplayOutput):
        return replace(output, data={mime: shown(value) for mime, value in output.data.items()})
    if isinstance(output, ErrorOutput):
        evalue = cast("str | Blob", shown(output.evalue))
        lines = tuple(cast("str | Blob", shown(part)) for part in output.traceback)
        return replace(output, evalue=evalue, traceback=lines)
    return output


def to_nbformat(outputs: Iterable[Output], blobs: Mapping[Sha256, bytes]) -> list[NbOutput]:
    """Convert outputs to nbformat. Raises `KeyError` if `blobs` lacks a blob."""
    shape = Shape(blobs.__getitem__, split=False, parse=json_text.plain)
    return [cast(NbOutput, shape.output(output)) for output in outputs]


def text_of(outputs: Iterable[NbOutput]) -> str:
    """Return outputs as a terminal shows them: streams, `text/plain` of displays, tracebacks."""
    parts: list[str] = []
    for output in outputs:
        match output.get("output_type"):
            case "stream":
                parts.append(str(output.get("text", "")))
            case "error":
                parts.append("\n".join(output.get("traceback", [])) + "\n")
            case _:
                text = output.get("data", {}).get("text/plain")
                parts += [] if text is None else [str(text) + "\n"]
    return "".join(parts)
