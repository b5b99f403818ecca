"""Gives one thread of this process at a time access to a file.

Two rooms can have one file, by a hard link or by a symbolic link. Without this lock both could find
the file unchanged and write it, and one would read what the other has half written. Programs in
other processes are not locked out.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from weakref import WeakValueDictionary

_guard = threading.Lock()
_locks: WeakValueDictionary[tuple[int, int], threading.Lock] = WeakValueDictionary()


def exclusive(target: Path) -> AbstractContextManager[object]:
    """Return the lock of the file that `target` names now; a missing file has none.

    The lock belongs to the inode, because a file can have several names. An atomic replacement
    makes another inode. A thread that then holds the lock of the former inode finds that the file
    has changed.
    """
    try:
        status = target.stat()
    except OSError:
        return nullcontext()
    with _guard:
        return _locks.setdefault((status.st_dev, status.st_ino), threading.Lock())
