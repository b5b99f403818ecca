"""Notebooks for measurements: nbformat 4.5, with different sources of equal length."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def source(index: int, chars: int = 400) -> str:
    """Return ASCII code of exactly ``chars`` characters, different for each index."""
    line = f"row_{index:06d} = weigh({index}, 'abcdefghijklmnop', offset=7)\n"
    return (line * (chars // len(line) + 1))[:chars]


def cell_id(index: int) -> str:
    return f"bench-{index:06d}"


def write_notebook(
    path: Path, cells: int, *, chars: int = 400, first: Sequence[str] = ()
) -> list[str]:
    """Write ``first`` and then ``cells`` filler cells to ``path``; return all sources in order."""
    sources = [*first, *(source(i, chars) for i in range(cells))]
    rows = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": cell_id(i),
            "metadata": {},
            "outputs": [],
            "source": text.splitlines(keepends=True),
        }
        for i, text in enumerate(sources)
    ]
    notebook = {
        "cells": rows,
        "metadata": {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(notebook, indent=1) + "\n")
    return sources
