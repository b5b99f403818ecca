"""Notebooks in the folders of a Hub's users."""

from __future__ import annotations

import nbformat

from ..support.jupyterhub import JupyterHub


def write_notebook(hub: JupyterHub, user: str, path: str, *sources: str) -> None:
    """Code cells whose ids are `c0`, `c1`..."""
    cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, hub.folder(user) / path)


def sources_of(hub: JupyterHub, user: str, path: str) -> list[str]:
    return [cell.source for cell in nbformat.read(hub.folder(user) / path, 4).cells]
