"""Pauses Python's cyclic garbage collector during large allocations.

The collector stops all threads while it visits every object, and starts after many allocations. So
reading one large notebook would start the collector repeatedly, although it creates no garbage.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_wanting: list[bool] = []
"""For each active pause, whether the collector was enabled before the first pause."""


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the collector. Pauses may overlap in several threads.

    The collector stays disabled at the end if it was disabled before.
    """
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
