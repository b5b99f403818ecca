"""The commands, as functions of the data folder and the arguments.

Each command returns a `CommandResult`: lines for people, the same as a value for programs, and the
exit code.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ..crdt import heads_of
from ..document import ipynb
from ..document.content import NOTHING, Content
from ..document.notebook import Notebook
from ..document.schema import NOTEBOOK
from ..errors import DocumentError, PeerError, RoomElsewhere, StorageError
from ..host.files.atomic_replace import replace_file
from ..host.files.file_state import read_state
from ..host.fs_fallbacks import sync_folder
from ..host.storage import log_store, room_log
from ..host.storage.data_dir import DataDir
from ..host.storage.room_lock import RoomLock
from .history import History
from .stored_rooms import StoredRoom, blob, check_outputs, find, rooms, select

FINE, FAILED, USAGE, IN_USE = 0, 1, 2, 3


@dataclass(slots=True)
class CommandResult:
    """The result of a command. `warnings` go to standard error, `lines` to standard output."""

    lines: list[str]
    value: Any
    code: int = FINE
    warnings: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- rooms


def list_rooms(data: DataDir, _: argparse.Namespace) -> CommandResult:
    found = list(rooms(data))
    value = [
        {
            "room": it.room,
            "path": it.path,
            "bytes": it.size_bytes,
            "changed": datetime.fromtimestamp(it.changed).astimezone().isoformat(),
            "open_in": it.holder or None,
            "damage": list(it.reading.damage),
        }
        for it in found
    ]
    if not found:
        return CommandResult([f"{data.root} has no rooms yet."], value)
    table = [["ROOM", "BYTES", "CHANGED", "STATE", "NOTEBOOK"]]
    for it in found:
        state = "damaged" if it.reading.damage else "open" if it.holder else ""
        when = datetime.fromtimestamp(it.changed).strftime("%Y-%m-%d %H:%M")
        table.append([it.room, str(it.size_bytes), when, state, it.path])
    return CommandResult(_aligned(table), value)


# ---------------------------------------------------------------- export


def export(data: DataDir, asked: argparse.Namespace) -> CommandResult:
    it = find(data, asked.room)
    history, damaged = it.history()
    warnings = [*it.reading.damage, *damaged]
    if asked.list:
        return _listed(history, warnings)
    if asked.at is not None:
        document, heads = history.at_time(asked.at)
    elif asked.version is not None:
        document, heads = history.named(asked.version)
    else:
        document, heads = history.newest, heads_of(history.newest)
    is_newest = document is history.newest and heads == heads_of(document)
    notebook = Notebook(document)
    content = notebook.content() if is_newest else notebook.content_at(heads)
    if is_newest:
        content, missing = _with_outputs(data, it, content)
        warnings += missing
    written = ipynb.write(content, get_blob=partial(blob, data), like=None)
    value = {"room": it.room, "path": it.path, "heads": list(heads), "bytes": len(written)}
    _put(written, asked.output, force=asked.force)
    lines = [] if asked.output is None else [f"{asked.output}: {len(content.cells)} cells"]
    return CommandResult(lines, value, FAILED if warnings else FINE, warnings)


def _listed(history: History, warnings: list[str]) -> CommandResult:
    found = history.versions()
    value = [{"time": it.when, "heads": list(it.heads), "changes": it.changes} for it in found]
    table = [["UNTIL", "CHANGES", "VERSION"]]
    table += [[it.when, str(it.changes), it.name] for it in found]
    return CommandResult(_aligned(table), value, FAILED if warnings else FINE, warnings)


def _with_outputs(data: DataDir, it: StoredRoom, content: Content) -> tuple[Content, list[str]]:
    """Add the current outputs; omit the outputs of cells with a missing part.

    Return the content and a warning for each omission.
    """
    try:
        outcomes = it.runtime().outcomes()
    except DocumentError as error:
        return content, [f"omitted all outputs: {error}"]
    missing: list[str] = []
    for cell_id, outcome in outcomes.items():
        if found := check_outputs(data, outcome.outputs):
            missing += [f"cell {cell_id}: {trouble}; omitted its outputs" for trouble in found]
            outcomes[cell_id] = NOTHING
    return replace(content, outcomes=outcomes), missing


def _put(written: bytes, to: Path | None, *, force: bool) -> None:
    if to is None:
        sys.stdout.buffer.write(written)
        sys.stdout.flush()
        return
    target = Path(os.path.realpath(to))
    try:
        found = read_state(target)
        if found is not None and not force:
            raise PeerError(f"{to} exists; use --force to overwrite it")
        if not replace_file(target, written, found, None):
            raise PeerError(f"another program changed {to} during the export; try again")
    except OSError as error:
        raise StorageError(f"{to} cannot be written: {error}") from error


# ---------------------------------------------------------------- check


def check(data: DataDir, asked: argparse.Namespace) -> CommandResult:
    found = [(it, problems(data, it)) for it in select(data, asked.rooms)]
    value = [{"room": it.room, "path": it.path, "problems": wrong} for it, wrong in found]
    lines = []
    for it, wrong in found:
        lines.append(f"{'damaged' if wrong else 'sound'}: {it.room} {it.path}")
        lines += [f"    {line}" for line in wrong]
    bad = sum(bool(wrong) for _, wrong in found)
    lines.append(f"{len(found)} rooms, {bad} of them damaged.")
    return CommandResult(lines, value, FAILED if bad else FINE)


def problems(data: DataDir, it: StoredRoom) -> list[str]:
    """Return all damage of a room: in its log, its documents, its large outputs."""
    found = list(it.reading.damage)
    found += [
        f"{path} was damaged and set aside earlier; its readable part is in the room"
        for path in sorted(it.folder.glob(f"*{room_log.DAMAGED}"))
    ]
    try:
        it.notebook().content()
        found += it.history()[1]
    except DocumentError as error:
        found.append(f"the notebook cannot be read: {error}")
    try:
        outcomes = it.runtime().outcomes()
    except DocumentError as error:
        found.append(f"the outputs cannot be read: {error}")
    else:
        found += [
            line for outcome in outcomes.values() for line in check_outputs(data, outcome.outputs)
        ]
    return found


# ---------------------------------------------------------------- compact, forget


def compact(data: DataDir, asked: argparse.Namespace) -> CommandResult:
    kept = Spared(damaged=not asked.damaged, history=not asked.history)
    return _each(data, asked, lambda it: _compacted(it, kept))


def rebuild(data: DataDir, asked: argparse.Namespace) -> CommandResult:
    return _each(data, asked, _rebuilt)


def forget(data: DataDir, asked: argparse.Namespace) -> CommandResult:
    if not asked.yes and not _agreed([find(data, name) for name in asked.rooms]):
        return CommandResult(["Nothing was removed."], [], FAILED)
    return _each(data, asked, _forgotten)


def _each(
    data: DataDir, asked: argparse.Namespace, do: Callable[[StoredRoom], str]
) -> CommandResult:
    """Apply `do` to each chosen room; warn of rooms that a server has open or that fail."""
    answer = CommandResult([], [])
    for it in select(data, asked.rooms):
        about: dict[str, Any] = {"room": it.room, "path": it.path, "done": False}
        try:
            answer.lines.append(_with_lease(data, it, do))
            about["done"] = True
        except StorageError as error:
            about["reason"] = str(error)
            answer.warnings.append(f"skipped: {error}")
            if not isinstance(error, RoomElsewhere):
                answer.code = FAILED
            elif asked.rooms:
                answer.code = answer.code or IN_USE
        answer.value.append(about)
    return answer


def _with_lease(data: DataDir, it: StoredRoom, do: Callable[[StoredRoom], str]) -> str:
    """Apply `do` to a locked room. Raises `RoomElsewhere` if a server has the room open."""
    lease = RoomLock.take(data.locks, it.room, holder="the command line")
    try:
        return do(it)
    except OSError as error:
        raise StorageError(f"{it.folder}: {error}") from error
    finally:
        lease.release()


@dataclass(frozen=True, slots=True)
class Spared:
    """Which files compaction keeps: damaged files that were set aside, archived documents."""

    damaged: bool
    history: bool


def _compacted(it: StoredRoom, spared: Spared) -> str:
    before = _size(it.folder)
    its_log = room_log.RoomLog(it.folder, it.room, still_ours=lambda: None)
    try:
        its_log.repair()
        renewal, _ = log_store.compacted(it.folder)
        if renewal is not None:
            its_log.replace_segment(renewal)
    finally:
        its_log.close()
    reading = room_log.read(it.folder)
    if reading is None or reading.damage or NOTEBOOK not in reading.state.documents:
        raise StorageError(f"{it.path} is damaged, so nothing was removed; see `check` for details")
    for path in it.folder.iterdir():
        superseded = path.suffix == room_log.SUFFIX and path.stem != f"{reading.number:08}"
        damaged = path.suffix == room_log.DAMAGED and not spared.damaged
        former = path.suffix == room_log.FORMER and not spared.history
        if superseded or damaged or former:
            path.unlink()
    return f"{it.path}: {before} bytes, now {_size(it.folder)}"


def _rebuilt(it: StoredRoom) -> str:
    if NOTEBOOK in it.reading.state.documents:
        epoch, chunks = it.reading.state.documents[NOTEBOOK]
        room_log.archive(it.folder, epoch, b"".join(chunks))
    # Rename the segments as damaged: the folder is then not a room, but the data stays readable.
    for number in room_log.segments(it.folder):
        path = it.folder / f"{number:08}{room_log.SUFFIX}"
        path.rename(path.with_suffix(room_log.DAMAGED))
    sync_folder(it.folder)
    return f"{it.path}: the next opening creates its room from the file"


def _forgotten(it: StoredRoom) -> str:
    # Rename the folder first, so that a partly deleted folder is never read as a room.
    gone = it.folder.with_name(f".{secrets.token_hex(8)}")
    it.folder.rename(gone)
    sync_folder(gone.parent)
    try:
        shutil.rmtree(gone)
    except OSError as error:
        return f"{it.path}: forgotten, but {gone} cannot be deleted ({error}); delete it yourself"
    return f"{it.path}: forgotten"


def _agreed(them: Iterable[StoredRoom]) -> bool:
    if not sys.stdin.isatty():
        raise PeerError("no terminal to ask for confirmation; use --yes to forget without asking")
    for it in them:
        sys.stderr.write(f"{it.room} {it.path} ({it.size_bytes} bytes)\n")
    sys.stderr.write("Forget the history and unsaved edits of these rooms? The files stay. [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
