"""Mutations of valid bytes, with corrected checksums.

With a wrong checksum nearly every mutation would be refused by the first check, and the code after
the check would not be tested.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

MAGIC = b"\x85\x6f\x4a\x83"


def seal(chunk: bytes) -> bytes:
    """Return a document, change or bundle chunk with the checksum of its content."""
    return chunk[:4] + hashlib.sha256(chunk[8:]).digest()[:4] + chunk[8:]


def leb128(number: int) -> bytes:
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def chunk(kind: int, body: bytes) -> bytes:
    return seal(MAGIC + bytes(4) + bytes([kind]) + leb128(len(body)) + body)


def body_of(data: bytes) -> tuple[int, bytes]:
    """Return kind and content of a single chunk."""
    at = 9
    while data[at] & 0x80:
        at += 1
    return data[8], data[at + 1 :]


def mutate(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(6):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                out[at : at + 1] = bytes([(out[at] if out else 0) ^ (1 << rng.randrange(8))])
            case 2:
                del out[at : at + rng.randrange(1, 9)]
            case 3:
                out[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 4:
                out[at : at + 1] = rng.choice(
                    (b"\xff\xff\xff\xff\x0f", b"\x7f", b"\x00", b"\x80\x01")
                )
            case 5:
                other = rng.randrange(len(out)) if out else 0
                out[at:at] = out[other : other + rng.randrange(1, 17)]
    return bytes(out)


def cases(samples: list[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Yield equal numbers of truncated, random, mutated, and mutated and sealed bytes."""
    rng = random.Random(seed)
    for number in range(count):
        sample = rng.choice(samples)
        match number % 4:
            case 0:
                yield sample[: rng.randrange(len(sample))]
            case 1:
                yield rng.randbytes(rng.randrange(1, 200))
            case 2:
                yield mutate(sample, rng)
            case 3 if sample.startswith(MAGIC):
                kind, body = body_of(sample)
                yield chunk(kind, mutate(body, rng))
            case _:
                yield mutate(sample, rng)
