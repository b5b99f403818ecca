"""Seeds are frozen: the same bytes in every version, in Python and in TypeScript."""

from __future__ import annotations

import re
from pathlib import Path

from jupyter_runtimed.crdt import Change, heads_of
from jupyter_runtimed.document import seeds

TYPESCRIPT = Path(__file__).parents[2] / "labextension" / "src" / "document" / "seeds.ts"
NOTEBOOK_HEAD = heads_of(seeds.empty_notebook(b"x" * 16))
RUNTIME_HEAD = heads_of(seeds.empty_runtime(b"x" * 16))


def test_a_seed_is_one_change_with_zero_actor_and_zero_time() -> None:
    for data in (seeds.notebook(), seeds.runtime()):
        change = Change.decode(data)
        assert (change.actor, change.seq, change.time, change.deps) == (bytes(16), 1, 0, [])


def test_documents_that_begin_with_a_seed_share_their_first_version() -> None:
    assert heads_of(seeds.empty_notebook(b"y" * 16)) == NOTEBOOK_HEAD
    assert heads_of(seeds.empty_runtime(b"y" * 16)) == RUNTIME_HEAD
    assert NOTEBOOK_HEAD != RUNTIME_HEAD


def test_typescript_has_the_same_seeds() -> None:
    text = re.sub(r"['\"]\s*\+\s*['\"]", "", TYPESCRIPT.read_text())
    for constant in (
        seeds.NOTEBOOK_SEED,
        seeds.NOTEBOOK_SHA256,
        seeds.RUNTIME_SEED,
        seeds.RUNTIME_SHA256,
    ):
        assert constant in text
