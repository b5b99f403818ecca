"""The pages quote the texts of the product as it shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
STATUS = REPOSITORY / "docs/howto/status-and-notifications.md"
TROUBLES = REPOSITORY / "docs/troubleshooting.md"
GAPS = re.compile(r"\.\.\.|\bNAME\b|\d+| · |: ")
"""Where a quoted text stands for many: names, numbers, reasons, and the parts of a status."""


def source_text() -> str:
    """Return all sources, with the literals of one text joined."""
    files = [
        *(REPOSITORY / "labextension/src").rglob("*.ts"),
        *(REPOSITORY / "jupyter_runtimed").rglob("*.py"),
    ]
    text = "\n".join(file.read_text() for file in files)
    return re.sub(r"\"\s*\n\s*f?\"", "", text)


def first_column(page: str) -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    return [row for row in rows if row not in {"text", "mark", "you see", "error", "term"}]


def quoted() -> list[str]:
    status = STATUS.read_text().split("## Marks at cells")[0]
    troubles = [
        text
        for cell in first_column(TROUBLES.read_text())
        for text in re.findall(r"\*([^*]+)\*", cell)
    ]
    alternatives = [text for cell in first_column(status) for text in cell.split(", ")]
    return sorted({*alternatives, *troubles})


SOURCES = source_text()


@pytest.mark.parametrize("text", quoted())
def test_a_quoted_text_is_in_the_sources(text: str) -> None:
    parts = [part.strip() for part in GAPS.split(text)]
    assert [part for part in parts if part and part not in SOURCES] == []
