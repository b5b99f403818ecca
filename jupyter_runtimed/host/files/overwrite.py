"""Overwrites a file in place, for folders where atomic replace does not work.

A copy of the new bytes stays beside the file, or in the data folder, until the file is complete.
The first byte is written last and is a mark until then, so no program mistakes an incomplete file
for a notebook. `mend` completes the file from the copy after a crash. A failed write restores the
old bytes.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from ..fs_fallbacks import cannot, create, fill, log_once, remove, sync_file, sync_folder, write_all
from .file_state import FileState, holds, is_unchanged, read_state, token

log = logging.getLogger(__name__)

MARK = b"~"
"""The first byte of an incomplete file; no JSON begins with it."""
PRIVATE = 0o600


def write_in_place(
    target: Path, data: bytes, before: FileState | None, copies: Path | None
) -> bool:
    """Write the file. Return False, without writing, if the file differs from `before`.

    Raises `OSError` if the file does not have the new bytes.
    """
    if before is None:
        return _create_in_place(target, data)
    copy = _keep_copy(target, data, copies)
    if not is_unchanged(target, before):
        _remove_all(copy)
        return False
    try:
        _write_over(target, data, before.data)
    except OSError:
        if _put_back(target, before.data):
            _remove_all(copy)
        raise
    _remove_all(copy)
    return True


def _create_in_place(target: Path, data: bytes) -> bool:
    try:
        handle = create(target, 0o666)
    except FileExistsError:
        return False
    fill(handle, target, data)
    return True


def _write_over(target: Path, data: bytes, old: bytes) -> None:
    try:
        _write_pieces(target, data, old)
    except OSError as error:
        if not cannot(error):
            raise
        log_once(target.parent, "to write in the middle of a file", error, "truncating it first")
        _write_anew(target, data)


def _write_pieces(target: Path, data: bytes, old: bytes) -> None:
    """Extend the file first, so that a full disk raises before the old bytes are overwritten."""
    handle = os.open(target, os.O_WRONLY | getattr(os, "O_BINARY", 0))
    try:
        view = memoryview(data)
        if len(data) > len(old):
            _write_at(handle, len(old), view[len(old) :])
        _write_at(handle, 0, MARK)
        sync_file(handle, target.parent)
        _write_at(handle, 1, view[1 : len(old)])
        if len(data) < len(old):
            os.ftruncate(handle, len(data))
        sync_file(handle, target.parent)
        _write_at(handle, 0, view[:1])
        sync_file(handle, target.parent)
    finally:
        os.close(handle)


def _write_at(handle: int, place: int, data: bytes | memoryview) -> None:
    os.lseek(handle, place, os.SEEK_SET)
    write_all(handle, data)


def _write_anew(target: Path, data: bytes) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_TRUNC | getattr(os, "O_BINARY", 0))
    try:
        write_all(handle, data)
        sync_file(handle, target.parent)
    finally:
        os.close(handle)


def _put_back(target: Path, old: bytes) -> bool:
    """Restore the old bytes after a failed overwrite; return whether the file has them."""
    try:
        if not holds(target, old):
            found = read_state(target)
            _write_over(target, old, old if found is None else found.data)
    except OSError as error:
        log.error(  # noqa: TRY400 -- a traceback would add nothing
            "%s is incomplete and could not be restored (%s); the server completes it from a copy "
            "at the next opening",
            target,
            error,
        )
        return False
    return holds(target, old)


# ---------------------------------------------------------------- whole copies


def _copy_places(target: Path, copies: Path | None) -> list[Path]:
    """Return the possible places for the temporary copy of a file, the best place first."""
    places = [target.with_name(f".{token(target.name)}.saving")]
    if copies is not None:
        places.append(copies / f"{token(str(target))}.saving")
    return places


def _keep_copy(target: Path, data: bytes, copies: Path | None) -> list[Path]:
    """Write a copy of the new bytes; return all places where a copy may exist."""
    places = _copy_places(target, copies)
    for copy in places:
        try:
            remove(copy)
            copy.parent.mkdir(mode=0o700, exist_ok=True)
            fill(create(copy, PRIVATE), copy, data)
        except OSError as error:
            log_once(copy.parent, "to keep a temporary copy", error, "trying another folder")
        else:
            sync_folder(copy.parent)
            break
    return places


def _remove_all(copies: list[Path]) -> None:
    for copy in copies:
        if os.path.lexists(copy):
            remove(copy)


def mend(target: Path, copies: Path | None) -> bool:
    """Complete an interrupted overwrite; return whether the file was incomplete. Never raises.

    A remaining copy shows that an overwrite was in progress. If the file is complete, then the
    overwrite had not begun or was done, or another program has written the file since.
    """
    mended = False
    places = [copy for copy in _copy_places(target, copies) if os.path.lexists(copy)]
    for copy in places:
        try:
            kept, found = read_state(copy), read_state(target)
            if kept is None or found is None or not _is_ours(kept, found):
                continue
            if not _is_whole(found.data) and _is_whole(kept.data):
                log.warning("%s was incomplete after an interrupted write; completing it", target)
                _write_over(target, kept.data, found.data)
                mended = True
            remove(copy)
        except OSError as error:
            log_once(target.parent, "to complete an interrupted write", error, f"see {copy}")
    return mended


def _is_ours(kept: FileState, found: FileState) -> bool:
    """Return whether this user or the file's owner made the copy; others could forge one."""
    if not hasattr(os, "geteuid"):
        return True
    return kept.status.st_uid in (os.geteuid(), found.status.st_uid)


def _is_whole(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
