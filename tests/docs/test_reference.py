"""The reference pages agree with the code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts"))

import reference  # noqa: E402 - scripts/ has no package

NAMES = ["commands.md", "errors.md", "frames.md", "permissions.md", "rest.md", "settings.md"]

WRITTEN_BY_HAND = {"index.md", "javascript.md", "python.md"}
"""Pages whose contents Sphinx takes from the sources."""


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_page_is_printed_from_the_code(name: str) -> None:
    assert (reference.FOLDER / name).read_text() == reference.pages()[name], "run `make docs`"


def test_every_reference_page_is_printed_from_the_code() -> None:
    found = {p.name for p in reference.FOLDER.glob("*.md")}
    assert found - WRITTEN_BY_HAND == set(reference.pages())


def test_every_setting_says_what_it_does() -> None:
    rows = [
        reference.setting(n, t)
        for c in reference.configurables()
        for n, t in reference.own_settings(c)
    ]
    assert rows
    assert [name for name, _, _, text in rows if len(text) < 20] == []


def test_every_frame_kind_is_described() -> None:
    text = reference.pages()["frames.md"]
    kinds = [
        "hello",
        "welcome",
        "sync",
        "change",
        "ack",
        "refuse",
        "call",
        "reply",
        "event",
        "presence",
    ]
    assert all(f"## {kind}\n" in text for kind in kinds)
