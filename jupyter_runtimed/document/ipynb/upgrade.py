"""Upgrade of notebooks of nbformat 1 to 3, by the package nbformat."""

from __future__ import annotations

from ...errors import NotebookError

_TRANSIENT = ("orig_nbformat", "orig_nbformat_minor", "signature")


def upgraded(text: str, version: int) -> dict[str, object]:
    """Upgrade the text of a notebook to nbformat 4, without cell ids. Raises `NotebookError`."""
    import nbformat

    try:
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        cells = notebook["cells"]
        for cell in cells:
            cell.pop("id", None)
        for key in _TRANSIENT:
            notebook["metadata"].pop(key, None)
    except Exception as error:
        raise NotebookError(
            f"the file declares nbformat {version}, but the package nbformat cannot upgrade the "
            f"notebook ({type(error).__name__}: {str(error)[:200]}); convert it with "
            "`jupyter nbconvert --to notebook`, or restore it from a checkpoint"
        ) from error
    return dict(notebook)
