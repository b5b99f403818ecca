"""The permission check against random operations: an accepted change breaks no reader."""

from __future__ import annotations

import json
import os

import pytest

from jupyter_runtimed.crdt import load
from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.schema_check import problems
from tests.document.fuzzed_changes import Story

STORIES = int(os.environ.get("FUZZ_STORIES", "12"))
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
STEPS = 60


@pytest.mark.parametrize("seed", range(FIRST, FIRST + STORIES))
def test_accepted_changes_keep_the_schema_and_every_reader_working(seed: int) -> None:
    story = Story(seed)
    for _ in range(STEPS):
        if story.step():
            assert_whole(story.server)
    assert story.accepted > 10, "the story tells something"
    assert story.refused > 10


def assert_whole(notebook: Notebook) -> None:
    assert problems(notebook.document) == ()
    content = notebook.content()
    again = Notebook(load(notebook.document.save(), actor=b"r" * 16))
    assert again.content() == content, "what was read as it came is what a newcomer reads"
    assert notebook.content_at(notebook.heads) == content
    written = json.loads(ipynb.write(content, get_blob=lambda _: b"", like=None))
    assert [cell["id"] for cell in written["cells"]] == list(notebook.order)
