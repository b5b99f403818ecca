"""Python's search for garbage, put off while something large is made.

It stops all threads for as long as it takes to look at every object, and it starts when many have
been made: reading one large notebook sets it off again and again, though nothing of it is garbage.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_wanting: list[bool] = []
"""For each that wants it put off: whether it was on at that time."""


@contextmanager
def garbage_put_off() -> Iterator[None]:
    """From any thread, and at the same time in several. Where it was off already it stays off."""
    with _lock:
        _wanting.append(gc.isenabled() if not _wanting else _wanting[0])
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            was_on = _wanting.pop()
            if was_on and not _wanting:
                gc.enable()
