"""One cell of a live notebook, as it is whenever it is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..document.content import Run, from_json
from ..ids import CellId

if TYPE_CHECKING:
    from .outputs import NbOutput
    from .reading import Reading


class LiveCell:
    """Reads go to the notebook; raises `NotFound` once the cell is gone."""

    __slots__ = ("_notebook", "id")

    def __init__(self, notebook: Reading, cell_id: CellId) -> None:
        self._notebook = notebook
        self.id = cell_id

    def __str__(self) -> str:
        return self.id

    def __repr__(self) -> str:
        return f"<LiveCell {self.id} of {self._notebook.path}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiveCell) and (other.id, other._notebook) == (
            self.id,
            self._notebook,
        )

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def cell_type(self) -> str:
        return self._notebook.content(self).cell_type

    @property
    def source(self) -> str:
        return self._notebook.source(self)

    @property
    def metadata(self) -> dict[str, Any]:
        return {k: from_json(text) for k, text in self._notebook.content(self).metadata.items()}

    @property
    def attachments(self) -> dict[str, Any]:
        return {k: from_json(text) for k, text in self._notebook.content(self).attachments.items()}

    @property
    def outputs(self) -> list[NbOutput]:
        """As `LiveNotebook.outputs`: what is large and not fetched says so."""
        return self._notebook.outputs(self)

    @property
    def execution_count(self) -> int | None:
        return self._notebook.execution_count(self)

    @property
    def run(self) -> Run | None:
        """The run whose outputs it shows."""
        return self._notebook.last_run(self)
