"""Input requests of a running cell, and their answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_runtimed.crdt import Document, load

from .clients import Place

pytestmark = pytest.mark.kernel

KEY = "quicksilver-4711"


def all_values(document: Document) -> str:
    """Return every value that was ever written into a document."""
    return " ".join(str(op.value) for change in document.changes_after(()) for op in change.ops)


def files(folder: Path) -> Iterator[bytes]:
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.read_bytes()


async def test_the_answer_to_a_password_prompt_is_not_stored(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    place.write(
        "a.ipynb",
        "import getpass, hashlib\nkey = getpass.getpass('Key: ')\nprint('length', len(key))",
        "open_word = input('Word: ')",
    )
    nb = await place.open("a.ipynb")
    room = await place.room("a.ipynb")
    for cell, text in (("c0", KEY), ("c1", "plainly-visible")):
        await place.call(room, "run", cells=[cell])
        await nb.wait_for(lambda cell=cell: cell in nb.prompts(), 60)  # type: ignore[misc]
        assert nb.prompts()[cell].password is (cell == "c0")
        await nb.answer_input(cell, text)
        await nb.wait_for(lambda cell=cell: nb.last_run(cell).state == "ok", 60)  # type: ignore[misc]
    assert f"length {len(KEY)}" in str(nb.outputs("c0"))
    await place.call(room, "save")
    host = place.host("a.ipynb")
    stored = await host._ports.store.load(host.room_id)
    assert stored is not None
    kept = [load(document.data, actor=bytes(16)) for document in stored.documents.values()]
    places = [
        all_values(host.room.notebook.document),
        all_values(host.room.runtime.document),
        caplog.text,
        b"".join(files(place.root)).decode(errors="replace"),
        # The store compresses changes, so the test searches compressed and decompressed files.
        " ".join(map(all_values, kept)),
        b"".join(files(place.extension.config_frozen.data_dir)).decode(errors="replace"),
    ]
    assert not any(KEY in text for text in places)
    # A public value is found in the same places, which proves that the search works.
    found = ["plainly-visible" in text for text in places[:-1]]
    assert found == [False, True, False, True, True]
