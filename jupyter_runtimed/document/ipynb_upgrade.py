"""Notebooks of nbformat 1 to 3 as nbformat 4, by nbformat itself."""

from __future__ import annotations

from ..errors import NotebookError

_TRANSIENT = ("orig_nbformat", "orig_nbformat_minor", "signature")


def upgraded(text: str, version: int) -> dict[str, object]:
    """The nbformat 4 form of an older notebook's text, without cell ids. Raises NotebookError."""
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
            f"the file says that it is an nbformat {version} notebook, but nbformat cannot upgrade "
            f"it ({type(error).__name__}: {str(error)[:200]}); convert it with "
            "`jupyter nbconvert --to notebook`, or restore it from a checkpoint"
        ) from error
    return dict(notebook)
