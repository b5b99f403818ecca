"""Edits that are too insignificant to save the file for them alone.

When a notebook is opened, JupyterLab writes the kernel's name and language into its metadata, with
the version of the language on this machine, and the room adds a first cell to an empty notebook.
These edits are saved together with the next edit of a user.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...document.content import Content, JsonMap, JsonText, from_json
from ...document.diff.notebook_diff import AddCell, Edit, SetMetadata

KERNEL = "kernelspec"
LANGUAGE = "language_info"


def are_trifles(edits: Iterable[Edit], was: Content, now: Content) -> bool:
    """Return whether all edits from `was` to `now` are insignificant."""
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
    """Return whether two notebook metadata differ in details of the same kernel at most."""
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
