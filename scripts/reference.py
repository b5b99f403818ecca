"""Prints the reference tables from the code: ``python scripts/reference.py [--write]``.

``pages()`` gives each page as text; ``--write`` puts them into ``docs/reference/``, and a test
compares what lies there with what the code says now.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import get_args

from traitlets import HasTraits, TraitType
from traitlets.config import Configurable

from jupyter_runtimed import errors, server
from jupyter_runtimed.cli import app as cli
from jupyter_runtimed.document import authority
from jupyter_runtimed.protocol import frames

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
PRINTED = "Printed from the code by `make docs`; a test compares.\n"


def pages() -> dict[str, str]:
    """File name in ``docs/reference/`` to its text."""
    return {
        "authority.md": authority_page(),
        "commands.md": commands_page(),
        "errors.md": errors_page(),
        "frames.md": frames_page(),
        "settings.md": settings_page(),
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table; a bar inside a cell is written so that it does not end the cell."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |\n" for row in lines)


def authority_page() -> str:
    """The table of ``document/authority.py``."""
    columns = list(next(iter(authority.ROLES.values())))
    rows = [[what, *(who[c] for c in columns)] for what, who in authority.ROLES.items()]
    return f"# Who may write what\n\n{PRINTED}\n{table(['', *columns], rows)}"


def commands_page() -> str:
    """The commands of ``jupyter runtimed``, with their arguments and exit codes."""
    parts = [f"# Commands\n\n{PRINTED}", f"{cli.ABOUT}\n"]
    for command in cli.COMMANDS:
        rows = [[f"`{it.shown}`", it.help] for it in command.arguments]
        parts.append(f"## jupyter runtimed {command.name}\n\n{command.about}\n")
        if rows:
            parts.append(table(["argument", "meaning"], rows))
    common = [[f"`{it.shown}`", it.help] for it in cli.COMMON]
    parts.append(f"## Arguments of every command\n\n{table(['argument', 'meaning'], common)}")
    codes = [[f"`{code}`", meaning] for code, meaning in cli.CODES.items()]
    parts.append(f"## Exit codes\n\n{table(['code', 'meaning'], codes)}")
    return "\n".join(parts)


def frames_page() -> str:
    """Kinds and fields of ``protocol/frames.py``."""
    parts = [f"# Frames\n\n{PRINTED}"]
    parts.append(
        f"Protocol {frames.PROTOCOL}. A frame is one MessagePack array whose first element is its "
        "kind; the [design](../design/protocol.md) has the same in CDDL, with directions and the "
        f"conversation. A `change` is at most {frames.CHANGE_BYTES >> 20} MiB by default, every "
        f"other frame that a client sends {frames.SMALL_BYTES >> 20} MiB. `Heads` are sorted "
        "change hashes; `Held` gives for each document its epoch and heads.\n"
    )
    for frame in get_args(frames.Frame):
        rows = [[f"`{f.name}`", f"`{f.type}`"] for f in dataclasses.fields(frame)]
        parts.append(f"## {frame.__name__.lower()}\n\n{table(['field', 'type'], rows)}")
    return "\n".join(parts)


def errors_page() -> str:
    """The tree of ``errors.py``, each with its code on the wire and what it means."""
    rows = []
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.RuntimedError) and error is not errors.RuntimedError:
            meaning = (error.__doc__ or "").strip().splitlines()
            code = error.__dict__.get("code")
            rows.append([f"`{name}`", f"`{error.__base__.__name__}`", f"`{code}`" if code else "",
                         meaning[0] if meaning else ""])  # fmt: skip
    head = ["error", "is a", "code", "meaning"]
    return f"# Errors\n\n{PRINTED}\n{table(head, rows)}"


def settings_page() -> str:
    """Every configurable trait of ``server/``, with its help text."""
    parts = [f"# Settings\n\n{PRINTED}"]
    parts.append(
        "Set them in `jupyter_server_config.py` (`c.Class.name = value`) or on the command line "
        "(`--Class.name=value`).\n"
    )
    for configurable in configurables():
        rows = [setting(name, trait) for name, trait in own_settings(configurable)]
        head = ["setting", "type", "default", "meaning"]
        parts.append(f"## {configurable.__name__}\n\n{table(head, rows)}")
    return "\n".join(parts)


def configurables() -> list[type[HasTraits]]:
    """Classes of ``server/`` that have settings, by name, without the ones that others extend."""
    found: set[type[HasTraits]] = set()
    for module in pkgutil.walk_packages(server.__path__, f"{server.__name__}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Configurable) and is_ours(member) and own_settings(member):
                found.add(member)
    extended = {base for member in found for base in member.__mro__[1:]}
    return sorted(found - extended, key=lambda member: member.__name__)


def is_ours(owner: type) -> bool:
    """Whether a class is defined in ``server/``."""
    return owner.__module__.startswith(f"{server.__name__}.")


def own_settings(configurable: type[HasTraits]) -> list[tuple[str, TraitType]]:  # type: ignore[type-arg]
    """(name, trait) of the settings that this project declares for a class."""
    traits = configurable.class_traits(config=True)
    return sorted((name, t) for name, t in traits.items() if t.this_class and is_ours(t.this_class))


def setting(name: str, trait: TraitType) -> list[str]:  # type: ignore[type-arg]
    """One row of the table of settings."""
    text = " ".join(str(trait.help).split())
    default = trait.default_value_repr()
    return [f"`{name}`", type(trait).__name__, f"`{default}`" if default != "''" else "", text]


def main() -> None:
    """Print the pages, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/reference/")
    write = parser.parse_args().write
    for name, text in pages().items():
        if write:
            (FOLDER / name).write_text(text)
        else:
            print(text)


if __name__ == "__main__":
    main()
