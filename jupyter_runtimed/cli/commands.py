"""What each command does: from the data folder and its arguments to what it says.

Each returns an `Answer`: lines for people, the same as a value for programs, and the exit code.
"""

from __future__ import annotations

import argparse
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
from ..host import log_store, room_log
from ..host.datadir import DataDir, sync_folder
from ..host.lease import Lease
from .kept import Kept, blob, chosen, find, rooms, troubles
from .versions import History

FINE, FAILED, USAGE, IN_USE = 0, 1, 2, 3


@dataclass(slots=True)
class Answer:
    """`warnings` go to the error output, so that the rest can be piped."""

    lines: list[str]
    value: Any
    code: int = FINE
    warnings: list[str] = field(default_factory=list)


# ---------------------------------------------------------------- rooms


def list_rooms(data: DataDir, _: argparse.Namespace) -> Answer:
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
        return Answer([f"{data.root} holds no rooms yet."], value)
    table = [["ROOM", "BYTES", "CHANGED", "STATE", "NOTEBOOK"]]
    for it in found:
        state = "damaged" if it.reading.damage else "open" if it.holder else ""
        when = datetime.fromtimestamp(it.changed).strftime("%Y-%m-%d %H:%M")
        table.append([it.room, str(it.size_bytes), when, state, it.path])
    return Answer(_aligned(table), value)


# ---------------------------------------------------------------- export


def export(data: DataDir, asked: argparse.Namespace) -> Answer:
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
    return Answer(lines, value, FAILED if warnings else FINE, warnings)


def _listed(history: History, warnings: list[str]) -> Answer:
    found = history.versions()
    value = [{"time": it.when, "heads": list(it.heads), "changes": it.changes} for it in found]
    table = [["UNTIL", "CHANGES", "VERSION"]]
    table += [[it.when, str(it.changes), it.name] for it in found]
    return Answer(_aligned(table), value, FAILED if warnings else FINE, warnings)


def _with_outputs(data: DataDir, it: Kept, content: Content) -> tuple[Content, list[str]]:
    """The outputs as they are now; those of which a part is missing are left out, and told."""
    try:
        outcomes = it.runtime().outcomes()
    except DocumentError as error:
        return content, [f"outputs are left out: {error}"]
    missing: list[str] = []
    for cell_id, outcome in outcomes.items():
        if found := troubles(data, outcome.outputs):
            missing += [f"cell {cell_id}: {trouble}; its outputs are left out" for trouble in found]
            outcomes[cell_id] = NOTHING
    return replace(content, outcomes=outcomes), missing


def _put(written: bytes, to: Path | None, *, force: bool) -> None:
    if to is None:
        sys.stdout.buffer.write(written)
        sys.stdout.flush()
        return
    try:
        with to.open("wb" if force else "xb") as file:
            file.write(written)
    except FileExistsError as error:
        raise PeerError(f"{to} exists; --force writes over it") from error
    except OSError as error:
        raise StorageError(f"{to} cannot be written: {error}") from error


# ---------------------------------------------------------------- check


def check(data: DataDir, asked: argparse.Namespace) -> Answer:
    found = [(it, problems(data, it)) for it in chosen(data, asked.rooms)]
    value = [{"room": it.room, "path": it.path, "problems": wrong} for it, wrong in found]
    lines = []
    for it, wrong in found:
        lines.append(f"{'damaged' if wrong else 'sound'}: {it.room} {it.path}")
        lines += [f"    {line}" for line in wrong]
    bad = sum(bool(wrong) for _, wrong in found)
    lines.append(f"{len(found)} rooms, {bad} of them damaged.")
    return Answer(lines, value, FAILED if bad else FINE)


def problems(data: DataDir, it: Kept) -> list[str]:
    """Everything that is wrong with a room: its log, its documents, its large outputs."""
    found = list(it.reading.damage)
    found += [
        f"{path} was set aside earlier; what could be read of it is in the room"
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
        found += [line for outcome in outcomes.values() for line in troubles(data, outcome.outputs)]
    return found


# ---------------------------------------------------------------- compact, forget


def compact(data: DataDir, asked: argparse.Namespace) -> Answer:
    kept = Spared(damaged=not asked.damaged, history=not asked.history)
    return _each(data, asked, lambda it: _compacted(it, kept))


def forget(data: DataDir, asked: argparse.Namespace) -> Answer:
    if not asked.yes and not _agreed([find(data, name) for name in asked.rooms]):
        return Answer(["Nothing was removed."], [], FAILED)
    return _each(data, asked, _forgotten)


def _each(data: DataDir, asked: argparse.Namespace, do: Callable[[Kept], str]) -> Answer:
    """Do something to rooms that no server has open; those that one has are told."""
    answer = Answer([], [])
    for it in chosen(data, asked.rooms):
        about: dict[str, Any] = {"room": it.room, "path": it.path, "done": False}
        try:
            answer.lines.append(_with_lease(data, it, do))
            about["done"] = True
        except StorageError as error:
            about["reason"] = str(error)
            answer.warnings.append(f"left alone: {error}")
            if not isinstance(error, RoomElsewhere):
                answer.code = FAILED
            elif asked.rooms:
                answer.code = answer.code or IN_USE
        answer.value.append(about)
    return answer


def _with_lease(data: DataDir, it: Kept, do: Callable[[Kept], str]) -> str:
    """Raises `RoomElsewhere` if a server has the room."""
    lease = Lease.take(data.locks, it.room, holder="the command line")
    try:
        return do(it)
    except OSError as error:
        raise StorageError(f"{it.folder}: {error}") from error
    finally:
        lease.release()


@dataclass(frozen=True, slots=True)
class Spared:
    """What compacting leaves: damaged files that were set aside, former documents."""

    damaged: bool
    history: bool


def _compacted(it: Kept, spared: Spared) -> str:
    before = _size(it.folder)
    its_log = room_log.RoomLog(it.folder, it.room, still_ours=lambda: None)
    try:
        its_log.mend()
        renewal, _ = log_store.renewed(it.folder)
        if renewal is not None:
            its_log.renew(renewal)
    finally:
        its_log.close()
    reading = room_log.read(it.folder)
    if reading is None or reading.damage or NOTEBOOK not in reading.state.documents:
        raise StorageError(f"{it.path} is damaged; `check` says how, and nothing was removed")
    for path in it.folder.iterdir():
        superseded = path.suffix == room_log.SUFFIX and path.stem != f"{reading.number:08}"
        damaged = path.suffix == room_log.DAMAGED and not spared.damaged
        former = path.suffix == room_log.FORMER and not spared.history
        if superseded or damaged or former:
            path.unlink()
    return f"{it.path}: {before} bytes, now {_size(it.folder)}"


def _forgotten(it: Kept) -> str:
    # Renamed first, so that no half of a room is ever read as one.
    gone = it.folder.with_name(f".{secrets.token_hex(8)}")
    it.folder.rename(gone)
    sync_folder(gone.parent)
    shutil.rmtree(gone)
    return f"{it.path}: forgotten"


def _agreed(them: Iterable[Kept]) -> bool:
    if not sys.stdin.isatty():
        raise PeerError("nobody is here to be asked; --yes forgets without asking")
    for it in them:
        sys.stderr.write(f"{it.room} {it.path} ({it.size_bytes} bytes)\n")
    sys.stderr.write("Forget the history and unsaved edits of these? The files stay. [y/N] ")
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
