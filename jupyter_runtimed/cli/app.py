"""The command line: names, arguments, help texts and exit codes of the commands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import RoomElsewhere, RuntimedError
from ..host.storage.data_dir import DataDir
from . import commands
from .commands import FAILED, FINE, IN_USE, USAGE, CommandResult
from .data_dir import data_dir

ABOUT = """\
Commands for the stored rooms of your notebooks: the history of every edit, and the outputs.

Every notebook that was opened in Jupyter has a room in the data folder. The server also writes the
.ipynb file, which you can read without the room. These commands list rooms, export older versions
and save space. You can use them while Jupyter runs. To back up all rooms, copy the data folder at
any time."""

CODES = {
    FINE: "success; no damage found",
    FAILED: "a part failed or is damaged; the messages name it",
    USAGE: "the arguments are invalid",
    IN_USE: "a running server has the room open; the command changed nothing",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its names, its help text, and further keywords for argparse."""

    names: tuple[str, ...]
    help: str
    how: dict[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        metavar = self.how.get("metavar")
        return ", ".join(self.names) if self.names[0].startswith("-") else str(metavar)


@dataclass(frozen=True, slots=True)
class Command:
    name: str
    summary: str
    about: str
    do: Callable[[DataDir, argparse.Namespace], CommandResult]
    arguments: tuple[Argument, ...] = ()


ROOM = "a notebook's path as in `rooms`, the end of such a path, or the beginning of a room's id"
COMMON = (
    Argument(
        ("--data-dir",),
        "the data folder (default: from the server's configuration)",
        {"metavar": "FOLDER", "type": Path},
    ),
    Argument(("--json",), "print the result as JSON, for programs", {"action": "store_true"}),
)
COMMANDS = (
    Command(
        "rooms",
        "list the stored rooms",
        "Lists every room: its id, its size on disk, the time of its last change, whether a server "
        "has it open, and the notebook's path under the server's root folder.",
        commands.list_rooms,
    ),
    Command(
        "export",
        "write any version of a notebook as .ipynb",
        "Writes the current notebook with outputs, or an older version without outputs, because "
        "the store keeps outputs only for the newest version. `--list` lists the versions, one for "
        "each minute with edits.",
        commands.export,
        (
            Argument(("room",), ROOM, {"metavar": "ROOM"}),
            Argument(
                ("--at",),
                "the version at this time, such as 2026-11-23T14:30",
                {"metavar": "TIME"},
            ),
            Argument(("--version",), "a version from `--list`", {"metavar": "VERSION"}),
            Argument(("--list",), "list the versions and write no file", {"action": "store_true"}),
            Argument(
                ("-o", "--output"),
                "the file to write (default: standard output)",
                {"metavar": "FILE", "type": Path},
            ),
            Argument(("--force",), "overwrite an existing file", {"action": "store_true"}),
        ),
    ),
    Command(
        "check",
        "look for damage",
        "Reads the logs, documents and large outputs of the given rooms, or of all rooms. It "
        "changes nothing. Opening or compacting a notebook repairs damage as far as possible.",
        commands.check,
        (Argument(("rooms",), ROOM, {"metavar": "ROOM", "nargs": "*"}),),
    ),
    Command(
        "compact",
        "save space",
        "Rewrites each room in its smallest form, and removes older segments. No edit is lost. "
        "Servers do most of this by themselves. The command skips rooms that a server has open. Do "
        "not copy the data folder at the same time.",
        commands.compact,
        (
            Argument(("rooms",), f"{ROOM}; default: all rooms", {"metavar": "ROOM", "nargs": "*"}),
            Argument(
                ("--damaged",),
                "also remove damaged files that a server has set aside",
                {"action": "store_true"},
            ),
            Argument(
                ("--history",),
                "also remove archived histories, which servers set aside when a history grows "
                "long; only the versions of that time are lost",
                {"action": "store_true"},
            ),
        ),
    ),
    Command(
        "rebuild",
        "create a room from its file at the next opening",
        "For a notebook whose stored document does not work. The command archives the stored "
        "document completely; after the next opening, `export --list` lists its versions. Edits "
        "that are not in the .ipynb are only in the archive. Servers do this by themselves when a "
        "room fails at every event.",
        commands.rebuild,
        (Argument(("rooms",), ROOM, {"metavar": "ROOM", "nargs": "+"}),),
    ),
    Command(
        "forget",
        "remove the room of a notebook",
        "Removes rooms: their history, outputs, and edits that are not in the file. The .ipynb "
        "file stays unchanged and gets a new room at the next opening. The command asks for "
        "confirmation.",
        commands.forget,
        (
            Argument(("rooms",), ROOM, {"metavar": "ROOM", "nargs": "+"}),
            Argument(("--yes",), "do not ask for confirmation", {"action": "store_true"}),
        ),
    ),
)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser("jupyter runtimed", description=ABOUT, formatter_class=raw)
    whole.add_argument("--version", action="version", version=__version__)
    subs = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = subs.add_parser(command.name, help=command.summary, description=command.about)
        for argument in (*command.arguments, *COMMON):
            sub.add_argument(*argument.names, help=argument.help, **argument.how)
        sub.set_defaults(do=command.do)
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    asked = parser().parse_args(argv)
    try:
        answer = asked.do(data_dir(asked.data_dir), asked)
    except RoomElsewhere as error:
        return _failed(error, IN_USE)
    except (RuntimedError, OSError) as error:
        return _failed(error, FAILED)
    for line in answer.warnings:
        print(line, file=sys.stderr)
    if asked.json and not _is_piped_notebook(asked):
        print(json.dumps(answer.value, indent=1, ensure_ascii=False))
    else:
        for line in answer.lines:
            print(line)
    return int(answer.code)


def _is_piped_notebook(asked: argparse.Namespace) -> bool:
    """Return whether standard output gets the notebook, which is JSON itself."""
    return asked.do is commands.export and asked.output is None and not asked.list


def _failed(error: Exception, code: int) -> int:
    print(f"jupyter runtimed: {error}", file=sys.stderr)
    return code
