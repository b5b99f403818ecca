"""The pictures of the documentation exist, are small, and can be taken again."""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import screenshots  # noqa: E402 - scripts/ has no package; the import finds the helpers of tests/e2e


def test_every_picture_is_shown_and_small() -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"_static/(\S+\.png)", page.read_text())}
    taken = {file.name: file.stat().st_size for file in screenshots.PICTURES.glob("*.png")}
    assert set(taken) == shown
    assert max(taken.values()) < screenshots.LARGEST_BYTES
