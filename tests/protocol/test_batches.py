"""Several frames in one HTTP body."""

from __future__ import annotations

import pytest

from jupyter_runtimed.errors import BadFrame
from jupyter_runtimed.protocol.batches import pack, unpack

FRAMES = [b"", b"\1", b"\2\3\4"]
BODY = bytes([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 2, 3, 4])
"""The TypeScript tests have the same."""


def test_a_batch_is_the_same_in_both_languages() -> None:
    assert pack(FRAMES) == BODY
    assert unpack(BODY) == FRAMES
    assert unpack(b"") == []


@pytest.mark.parametrize("end", [2, 7, 8, 11, 15])
def test_a_batch_that_is_cut_short_is_refused(end: int) -> None:
    with pytest.raises(BadFrame, match="send the whole body"):
        unpack(BODY[:end])
