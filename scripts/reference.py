"""Print the reference tables from the code: ``python scripts/reference.py [--write]``.

``pages()`` returns each page as text. ``--write`` writes the pages to ``docs/reference/``; a test
compares the files with the code.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import get_args

from traitlets import HasTraits, TraitType
from traitlets.config import Configurable

from jupyter_runtimed import errors, server
from jupyter_runtimed.cli import app as cli
from jupyter_runtimed.document import permissions
from jupyter_runtimed.protocol import frames
from jupyter_runtimed.protocol.close_codes import CloseCode
from jupyter_runtimed.room import calls
from markdown_table import table
from rest_page import rest_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
ASKED = {
    ("read", "contents"): "`GET api/contents/PATH`",
    ("write", "contents"): "`PUT api/contents/PATH`",
    ("execute", "kernels"): "`GET api/kernels/ID/channels`",
    ("write", "kernels"): "`POST api/kernels/ID/restart`",
    ("write", "sessions"): "`POST api/sessions` with the notebook's path in the body",
}
AUTHORIZER = """\
A room asks the configured authorizer the same questions as Jupyter's own API. The authorizer gets
Jupyter's own handler for the URL, with its `path_kwargs`, method and body. An authorizer that
decides by the path of a file therefore also decides about rooms: `path_kwargs["path"]` of each
handler is the path of the notebook, with a leading slash.

The server serves a large output (`GET api/runtimed/blobs/SHA256`) to users with `read` on the
`contents` of an open notebook that refers to it. Other users get 404, as for an unknown blob."""
CALLS = """\
`execute` on `kernels` counts only together with `write` on `contents`, because edits contain the
code. A `run` that starts a kernel also needs `write` on `sessions`."""
CHANGES = {
    "a permission, and the client sends a frame": "with this frame",
    "a permission, and the client sends nothing": "after `permission_check_interval` (10 s, at "
    "most 30 s); for an authorizer that does not answer, 15 s more",
    "a permission, and another connection of the user sends a frame": "at once",
    "the login: a token, a cookie, an account, the Hub's access to the server": (
        "after `identity_check_interval` (120 s, at most 600 s)"
    ),
    "a logout at this server's own `/logout`": "at once",
    "the identity provider, or the Hub, does not answer": "at the third failed check the "
    "connection is closed, and the client tries again",
}
BOUNDS = """\
The server closes a connection with 4401 if its login has ended, and with 4403 if its user may no
longer read. After both the client does not reconnect by itself. A `rights` event announces another
role. If the authorizer raises, the server closes the connection, and the client tries again.
"""
PRINTED = "`make docs` prints this page from the code, and a test compares the two.\n"


def pages() -> dict[str, str]:
    """Return a map of file names in ``docs/reference/`` to their text."""
    return {
        "commands.md": commands_page(),
        "errors.md": errors_page(),
        "frames.md": frames_page(),
        "permissions.md": permissions_page(),
        "rest.md": rest_page(PRINTED),
        "settings.md": settings_page(),
    }


def permissions_page() -> str:
    """Return the roles of ``document/permissions.py``, the needs of each call, and the checks."""
    columns = list(next(iter(permissions.ROLES.values())))
    rows = [[what, *(who[c] for c in columns)] for what, who in permissions.ROLES.items()]
    asked = [[f"`{action}` on `{resource}`", what] for (action, resource), what in ASKED.items()]
    needs = dict.fromkeys(sorted(calls.EXECUTE), "`execute` on `kernels`")
    needs |= dict.fromkeys(sorted(calls.KERNELS), "`execute` and `write` on `kernels`")
    needs |= dict.fromkeys(sorted(calls.SESSIONS), "`execute` on `kernels`, `write` on `sessions`")
    needs |= dict.fromkeys(sorted(calls.WRITE), "`write` on `contents`")
    return "\n".join(
        [
            f"# Permissions\n\n{PRINTED}\n{table(['', *columns], rows)}",
            f"## Questions to the authorizer\n\n{AUTHORIZER}\n",
            table(["permission", "handler for the authorizer"], asked),
            f"## Permissions of calls\n\n{CALLS}\n",
            table(["call", "permissions"], [[f"`{name}`", it] for name, it in needs.items()]),
            "## When a change takes effect\n",
            table(["change", "takes effect"], [list(row) for row in CHANGES.items()]),
            BOUNDS,
        ]
    )


def commands_page() -> str:
    """Return the commands of ``jupyter runtimed``, with their arguments and exit codes."""
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
    """Return the kinds and fields of ``protocol/frames.py``."""
    parts = [f"# Frames\n\n{PRINTED}"]
    parts.append(
        f"Protocol {frames.PROTOCOL}. A frame is one MessagePack array whose first element is its "
        "kind; the [wire protocol](../design/protocol.md) has the same in CDDL, with directions "
        f"and the conversation. A `change` is at most {frames.CHANGE_BYTES >> 20} MiB by default, "
        f"every other frame of a client {frames.SMALL_BYTES >> 20} MiB. `Heads` are sorted "
        "change hashes; `Held` gives for each document its epoch and heads.\n"
    )
    for frame in get_args(frames.Frame):
        rows = [[f"`{f.name}`", f"`{f.type}`"] for f in dataclasses.fields(frame)]
        parts.append(f"## {frame.__name__.lower()}\n\n{table(['field', 'type'], rows)}")
    return "\n".join(parts)


def errors_page() -> str:
    """Return the tree of ``errors.py`` with the code on the wire and the meaning of each error."""
    rows = []
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, errors.RuntimedError) and error is not errors.RuntimedError:
            meaning = (error.__doc__ or "").strip().splitlines()
            code = error.__dict__.get("code")
            rows.append([f"`{name}`", f"`{error.__base__.__name__}`", f"`{code}`" if code else "",
                         meaning[0] if meaning else ""])  # fmt: skip
    head = ["error", "is a", "code", "meaning"]
    return f"# Errors\n\n{PRINTED}\n{table(head, rows)}\n{codes()}"


def codes() -> str:
    """Return the refusal codes of ``errors.py`` and the codes of ``protocol/close_codes.py``."""
    refusals = [[f"`{code}`", meaning] for code, meaning in errors.REFUSALS.items()]
    closes = [[f"`{code.value}`", f"`{code.name}`", code.meaning] for code in CloseCode]
    refused = "The `code` of a `refuse` frame, and of the error `Refused`.\n"
    closed = "The codes of a WebSocket's close frame, and of a closed connection over HTTP.\n"
    return "\n".join(
        [
            f"## Refusal codes\n\n{refused}",
            table(["code", "meaning"], refusals),
            f"## Close codes\n\n{closed}",
            table(["code", "name", "meaning"], closes),
        ]
    )


def settings_page() -> str:
    """Return every configurable trait of ``server/`` with its help text."""
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
    """Return the classes of ``server/`` with settings, by name, without base classes."""
    found: set[type[HasTraits]] = set()
    for module in pkgutil.walk_packages(server.__path__, f"{server.__name__}."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, Configurable) and is_ours(member) and own_settings(member):
                found.add(member)
    extended = {base for member in found for base in member.__mro__[1:]}
    return sorted(found - extended, key=lambda member: member.__name__)


def is_ours(owner: type) -> bool:
    """Return whether a class is defined in ``server/``."""
    return owner.__module__.startswith(f"{server.__name__}.")


def own_settings(configurable: type[HasTraits]) -> list[tuple[str, TraitType]]:  # type: ignore[type-arg]
    """Return (name, trait) of the settings that this project declares for a class."""
    traits = configurable.class_traits(config=True)
    return sorted((name, t) for name, t in traits.items() if t.this_class and is_ours(t.this_class))


def setting(name: str, trait: TraitType) -> list[str]:  # type: ignore[type-arg]
    """Return one row of the table of settings."""
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
