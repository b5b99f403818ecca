"""Names that both documents are made of. The shapes are drawn in `docs/design/documents.md`."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

DocName: TypeAlias = Literal["notebook", "runtime"]
NOTEBOOK: Final = "notebook"
RUNTIME: Final = "runtime"

SCHEMA: Final = 1
DEFAULT_MINOR: Final = 5

CELL_KEYS: Final = frozenset(
    {"cell_type", "position", "source", "metadata", "attachments", "extra"}
)
KNOWN_KEYS: Final = frozenset(
    {"id", "cell_type", "source", "metadata", "attachments", "outputs", "execution_count"}
)
"""Keys of a cell in a file that have a place of their own: never among its unknown keys."""
TRUSTED: Final = "trusted"
"""A key that never enters a cell's shared metadata: trust is the server's word."""
