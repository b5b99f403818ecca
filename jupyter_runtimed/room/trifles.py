"""What is no reason to write the file by itself: what opening a notebook does to it.

JupyterLab writes the kernel's name and language into every notebook that is opened, and the
language's version again on every machine; one without cells gets a first one. That goes into the
file with the next thing that somebody does.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..document.content import Content, JsonMap, JsonText, from_json
from ..document.merge import AddCell, Edit, SetMetadata

KERNEL = "kernelspec"
LANGUAGE = "language_info"


def are_trifles(edits: Iterable[Edit], was: Content, now: Content) -> bool:
    """Whether edits that turn `was` into `now` do nothing else of weight."""
    return all(
        (isinstance(edit, SetMetadata) and edit.id is None)
        or (not was.cells and _is_first_cell(edit))
        for edit in edits
    ) and only_of_the_kernel(was.metadata, now.metadata)


def _is_first_cell(edit: Edit) -> bool:
    if not isinstance(edit, AddCell) or edit.after is not None:
        return False
    cell = edit.cell
    return cell.cell_type == "code" and not (cell.source or cell.metadata or cell.extra)


def only_of_the_kernel(was: JsonMap, now: JsonMap) -> bool:
    """Whether these two differ in that alone. Another kernel is not a trifle, but a choice."""
    changed = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
    if not changed <= {KERNEL, LANGUAGE}:
        return False
    return KERNEL not in changed or KERNEL not in was or _name(was) == _name(now)


def _name(metadata: JsonMap) -> object:
    try:
        spec = from_json(metadata.get(KERNEL, JsonText("null")))
    except (ValueError, RecursionError):
        return None
    return spec.get("name") if isinstance(spec, dict) else None
