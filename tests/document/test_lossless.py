"""File -> values -> both Automerge documents -> values -> file, without any loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from jupyter_runtimed.crdt import load
from jupyter_runtimed.document import ipynb, seeds
from jupyter_runtimed.document.content import Content
from jupyter_runtimed.document.diff import notebook_diff
from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.document.runtime import Runtime
from jupyter_runtimed.errors import NotebookError
from jupyter_runtimed.ids import Epoch, RunId
from tests.document.notebook_files import (
    Blobs,
    files,
    ids,
    notebooks,
    read,
    shared_files,
    sound_files,
    write,
)

thorough = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def filled(content: Content) -> tuple[Notebook, Runtime]:
    notebook = Notebook(seeds.empty_notebook(b"n" * 16))
    notebook.populate(content)
    notebook.commit(now_ms=1)
    runtime = Runtime.create(Epoch("e"), b"r" * 16)
    new_run = ids("run")
    for cell_id, outcome in content.outcomes.items():
        runtime.import_outcome(cell_id, outcome, RunId(new_run()), 1)
    runtime.commit(now_ms=1)
    return notebook, runtime


def through_documents(content: Content) -> Content:
    """Return the content of two documents after filling, saving and loading them."""
    notebook, runtime = filled(content)
    again = Notebook(load(notebook.document.save(), actor=b"m" * 16))
    shown = Runtime(load(runtime.document.save(), actor=b"s" * 16))
    assert repr(notebook.content()) == repr(again.content()), "the order of keys counts too"
    return replace(again.content(), outcomes=shown.outcomes())


@pytest.mark.parametrize("path", [*sound_files(), *shared_files()], ids=lambda path: path.name)
def test_a_file_goes_through_the_documents_byte_for_byte(path: Path) -> None:
    data, blobs = path.read_bytes(), Blobs()
    try:
        content = read(data, blobs).content
    except NotebookError:
        pytest.skip("not a notebook")
    there = through_documents(content)
    assert there == content
    assert write(there, blobs, data) == data
    assert write(there, blobs, None) == write(content, blobs, None)


@thorough
@given(files())
def test_any_file_goes_through_the_documents_byte_for_byte(data: bytes) -> None:
    blobs = Blobs()
    content = read(data, blobs).content
    there = through_documents(content)
    assert there == content
    assert write(there, blobs, data) == data


@thorough
@given(notebooks(minors=(5,)), notebooks(minors=(5,)))
def test_edits_turn_one_document_into_another(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    blobs = Blobs()
    base = ipynb.from_model(before, new_id=ids("x"), put_blob=blobs.put).content
    theirs = ipynb.from_model(after, new_id=ids("y"), put_blob=blobs.put).content
    notebook, _ = filled(base)
    found = notebook_diff.diff(base, theirs)
    outcomes = notebook_diff.patch(notebook, found)
    notebook.commit(now_ms=2)
    expected = notebook_diff.patched(base, found)
    assert notebook.content() == replace(expected, outcomes={})
    assert {k: v for k, v in expected.outcomes.items() if k in outcomes} == {
        k: v for k, v in outcomes.items() if v.outputs or v.execution_count is not None
    }


def test_a_change_of_the_file_and_typing_in_the_room_are_both_kept() -> None:
    blobs = Blobs()
    data = next(path for path in sound_files() if path.name == "every_kind.ipynb").read_bytes()
    saved = read(data, blobs).content
    live, _ = filled(saved)
    at_save = live.heads
    fork = Notebook(live.document.fork_at(list(at_save)))

    first = live.order[1]
    live.splice(first, 0, 0, "# typed in the room\n")
    live.commit(now_ms=3)

    outside = data.replace(b'"math.pi', b'"math.tau').replace(b"\\\\alpha", b"\\\\beta")
    found = notebook_diff.diff(saved, read(outside, blobs).content)
    assert notebook_diff.patch(fork, found) == {}
    fork.commit(now_ms=3)
    live.merge(fork.document)

    assert live.source(first) == "# typed in the room\nimport math\nmath.tau\n"
    assert live.source(live.order[3]) == "\\beta"
    written = write(replace(live.content(), outcomes=saved.outcomes), blobs, outside)
    assert written == outside.replace(
        b'    "import math\\n"', b'    "# typed in the room\\n",\n    "import math\\n"'
    )
