"""The commands as they are called: names, arguments, help, exit codes."""

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
from ..host.datadir import DataDir
from . import commands
from .commands import FAILED, FINE, IN_USE, USAGE, Answer
from .place import data_dir

ABOUT = """\
What is kept of your notebooks beside their files: every edit ever made, and the outputs.

A notebook that was opened in Jupyter has a room in the data folder. Its .ipynb is always written
too, and is all that you need to read it. These commands look at rooms, bring back older versions,
and save space. They may be used while Jupyter runs. To back everything up, copy the data folder, at
any time."""

CODES = {
    FINE: "done; nothing is wrong",
    FAILED: "something could not be done, or is damaged; it is said which",
    USAGE: "the arguments make no sense",
    IN_USE: "a running server has the room open; nothing was changed",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: its names or its one name, what it means, and what argparse is told."""

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
    do: Callable[[DataDir, argparse.Namespace], Answer]
    arguments: tuple[Argument, ...] = ()


ROOM = "a notebook's path as `rooms` lists it, the end of it, or the beginning of a room's id"
COMMON = (
    Argument(
        ("--data-dir",),
        "the data folder, if the server's configuration does not say it",
        {"metavar": "FOLDER", "type": Path},
    ),
    Argument(("--json",), "answer in JSON, for programs", {"action": "store_true"}),
)
COMMANDS = (
    Command(
        "rooms",
        "list what is kept",
        "Lists every room: its id, its size on disk, when it last changed, whether a server has it "
        "open, and its notebook's path under the server's root folder.",
        commands.list_rooms,
    ),
    Command(
        "export",
        "write any version of a notebook as .ipynb",
        "Writes a notebook as it is now, with outputs, or as it was at any time, without them: "
        "outputs are kept for the newest version only. `--list` lists the versions, one for each "
        "minute in which something was edited.",
        commands.export,
        (
            Argument(("room",), ROOM, {"metavar": "ROOM"}),
            Argument(("--at",), "as it was then, such as 2026-11-23T14:30", {"metavar": "TIME"}),
            Argument(("--version",), "a version from `--list`", {"metavar": "VERSION"}),
            Argument(("--list",), "list the versions, write nothing", {"action": "store_true"}),
            Argument(
                ("-o", "--output"),
                "the file to write (without it: the terminal)",
                {"metavar": "FILE", "type": Path},
            ),
            Argument(("--force",), "write over a file that exists", {"action": "store_true"}),
        ),
    ),
    Command(
        "check",
        "look for damage",
        "Reads everything that is kept of some rooms, or of all: logs, documents, large outputs. "
        "Nothing is changed. What is damaged is mended, as far as it can be, when the notebook is "
        "opened or compacted.",
        commands.check,
        (Argument(("rooms",), ROOM, {"metavar": "ROOM", "nargs": "*"}),),
    ),
    Command(
        "compact",
        "save space",
        "Writes rooms anew in their smallest form, and removes the former one that is otherwise "
        "kept beside it. No edit is lost. Servers do the most of this by themselves. Rooms that a "
        "server has open are left alone. Do not copy the data folder meanwhile.",
        commands.compact,
        (
            Argument(("rooms",), f"{ROOM}; all of them if none", {"metavar": "ROOM", "nargs": "*"}),
            Argument(
                ("--damaged",),
                "remove damaged files too that were set aside",
                {"action": "store_true"},
            ),
            Argument(
                ("--history",),
                "remove former histories too, which servers set aside when they grow long; "
                "versions of that time are gone, nothing else",
                {"action": "store_true"},
            ),
        ),
    ),
    Command(
        "forget",
        "remove what is kept of a notebook",
        "Removes rooms: their history, outputs, and edits that are not in the file. The .ipynb "
        "stays as it is, and becomes a new room when it is opened again. It asks before it does "
        "so.",
        commands.forget,
        (
            Argument(("rooms",), ROOM, {"metavar": "ROOM", "nargs": "+"}),
            Argument(("--yes",), "do not ask", {"action": "store_true"}),
        ),
    ),
)


def parser() -> argparse.ArgumentParser:
    """What understands the command line."""
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
    """Run one command; its exit code."""
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
    """Then the notebook is the answer, and it is JSON itself."""
    return asked.do is commands.export and asked.output is None and not asked.list


def _failed(error: Exception, code: int) -> int:
    print(f"jupyter runtimed: {error}", file=sys.stderr)
    return code
