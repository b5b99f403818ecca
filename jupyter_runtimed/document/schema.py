"""Names in the schema of both documents. `docs/design/documents.md` describes the schema."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

DocName: TypeAlias = Literal["notebook", "runtime"]
NOTEBOOK: Final = "notebook"
RUNTIME: Final = "runtime"

SCHEMA: Final = 1
DEFAULT_MINOR: Final = 5

UNTYPED: Final = "raw"
"""Type of a cell without a valid type in the document; a raw cell cannot be run."""

CELL_KEYS: Final = frozenset(
    {"cell_type", "position", "source", "metadata", "attachments", "extra"}
)
KNOWN_KEYS: Final = frozenset(
    {"id", "cell_type", "source", "metadata", "attachments", "outputs", "execution_count"}
)
"""Keys of a cell in a file that the schema stores separately, so `extra` never holds them."""
FORBIDDEN_KEY: Final = "__proto__"
"""Key that no map of a document may have, because Automerge for JavaScript refuses it.

A file keeps entries with this key unchanged; a cell with this id gets another id.
"""
TRUSTED: Final = "trusted"
"""Key that a cell's shared metadata never holds, because only the server records trust."""


def minor_of(value: object) -> int:
    """Return a valid nbformat minor number: `value`, or the default for an invalid value."""
    return value if type(value) is int and value >= 0 else DEFAULT_MINOR


IDS_FROM_MINOR = 5
