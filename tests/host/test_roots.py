"""Several root folders at one path, one after another or at once, on one data folder."""

from __future__ import annotations

import os
import shutil

import pytest

from jupyter_runtimed.cli.app import main
from jupyter_runtimed.errors import NotFound, RoomElsewhere
from jupyter_runtimed.host.files.local import LocalFiles
from jupyter_runtimed.room.settings import Settings

from .conftest import notebook
from .local_client import LocalClient

UNSAVED = Settings(quiet_ms=20, longest_ms=100, idle_ms=60_000, autosave=False)
"""The server writes the file only if a user saves."""


async def crashed_with_edits(place, *, text="!", run=False):
    """Run a server that dies with edits, and perhaps outputs, that are only in its store."""
    server = place.server(UNSAVED)
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", text)
    if run:
        await ana.call("run", cells=["c0"])
        await ana.finished("c0")
    await ana.durable()
    before = (place.root / "a.ipynb").read_bytes()
    # The copy of the data folder has the state after a crash.
    left = place.data.with_name("left")
    shutil.copytree(place.data, left, ignore=shutil.ignore_patterns("*.lock"))
    await server.close_all()
    shutil.rmtree(place.data)
    left.rename(place.data)
    (place.root / "a.ipynb").write_bytes(before)
    return ana


def put_another_root(place, *sources):
    """Put another folder at the path of the root; return the new place of the former root."""
    away = place.root.with_name(f"away-{os.urandom(4).hex()}")
    place.root.rename(away)
    place.root.mkdir()
    if sources:
        place.put("a.ipynb", notebook(*sources))
    return away


def put_back(place, away):
    shutil.rmtree(place.root)
    away.rename(place.root)


async def opened(place):
    """Open and close the notebook, and return its epoch."""
    server = place.server(UNSAVED)
    host = await server.open("a.ipynb")
    await server.close_all()
    return epoch_of(host)


def epoch_of(host):
    return host.room.documents.replicas["notebook"].epoch


def cells_of(host):
    return [cell.source for cell in host.room.content().cells]


def folders(place):
    return sorted(folder.name for folder in (place.data / "rooms").iterdir())


async def test_a_room_is_not_shown_under_another_root_at_the_same_path(place, caplog, capsys):
    place.put("a.ipynb", notebook("one"))
    await crashed_with_edits(place, text=" # secret")
    put_another_root(place, "other")
    host = await place.server().open("a.ipynb")
    ben = LocalClient(host, "ben")
    await ben.until(lambda: ben.peer.live)
    assert cells_of(host) == ["other"]
    assert not any(b"secret" in data for data in ben.sent_bytes)
    assert not ben.events("damaged"), (
        "another user got an event about the notebook of the first user"
    )
    assert "begins from its file" in caplog.text
    assert "jupyter runtimed export 'a-ipynb' -o edits.ipynb" in caplog.text
    ben.type("c0", "!")
    await ben.call("save")
    assert place.sources() == ["other!"]
    copy = place.root / "edits.ipynb"
    assert main(["export", "a-ipynb", "-o", str(copy), "--data-dir", str(place.data)]) == 0
    assert place.sources("edits.ipynb") == ["one # secret"]


async def test_a_root_that_returns_has_its_room_with_unsaved_edits(place):
    place.put("a.ipynb", notebook("one"))
    ana = await crashed_with_edits(place)
    first_root = put_another_root(place, "other")
    epoch = epoch_of(ana.host)
    for round_ in range(2):
        assert await opened(place) != epoch
        second_root = put_another_root(place)
        put_back(place, first_root)
        # The room saves the file when it closes.
        assert await opened(place) == epoch, round_
        assert place.sources() == ["one!"]
        first_root = put_another_root(place)
        put_back(place, second_root)
        assert place.sources() == ["other"]
    assert len(folders(place)) == 2


async def test_the_outputs_of_one_root_are_not_shown_under_another(place):
    place.put("a.ipynb", notebook("print('sec' + 'ret')"))
    await crashed_with_edits(place, text=" #", run=True)
    put_another_root(place, "print('sec' + 'ret') #")
    host = await place.server().open("a.ipynb")
    ben = LocalClient(host, "ben")
    await ben.until(lambda: ben.peer.live)
    assert ben.run_of("c0") is None
    assert not any(b"secret" in data for data in ben.sent_bytes)


async def test_a_root_that_moved_keeps_its_rooms_with_unsaved_edits(place, caplog):
    place.put("a.ipynb", notebook("one"))
    ana = await crashed_with_edits(place)
    away = put_another_root(place)
    shutil.copytree(away, place.root, dirs_exist_ok=True)
    server = place.server()
    host = await server.open("a.ipynb")
    assert cells_of(host) == ["one!"]
    ana.peer.disconnected()
    ana.rejoin(host)
    ana.type("c0", "?")
    await ana.call("save")
    assert place.sources() == ["one!?"]
    assert "begins from its file" not in caplog.text
    await server.close_all()
    # The room is that of the new folder now: the former one has an older file.
    other = put_another_root(place)
    put_back(place, away)
    server = place.server()
    assert cells_of(await server.open("a.ipynb")) == ["one"]
    await server.close_all()
    away = put_another_root(place)
    put_back(place, other)
    assert cells_of(await place.server().open("a.ipynb")) == ["one!?"]


async def test_offline_text_is_sent_once_to_the_room_of_a_moved_root(place):
    place.put("a.ipynb", notebook("one"))
    ana = await crashed_with_edits(place, text=" acknowledged")
    ana.peer.disconnected()
    ana.peer.notebook.splice("c0", len(ana.source("c0")), 0, " offline")
    ana.peer.edited()
    put_another_root(place, "one\nfrom git")
    host = await place.server().open("a.ipynb")
    ana.rejoin(host)
    await ana.until(lambda: ana.peer.live and ana.peer.pending_edits == 0)
    (text,) = cells_of(host)
    assert text.count("one") == text.count("git") == text.count("offline") == 1
    assert "acknowledged" not in text, "text of the former room was sent again"


async def test_two_roots_are_open_at_once(place):
    place.put("a.ipynb", notebook("same"))
    first = await place.server(UNSAVED).open("a.ipynb")
    ana = LocalClient(first)
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", " # secret")
    await ana.durable()
    put_another_root(place, "same")
    second = await place.server(UNSAVED).open("a.ipynb")
    ben = LocalClient(second, "ben")
    await ben.until(lambda: ben.peer.live)
    assert cells_of(second) == ["same"]
    ben.type("c0", "!")
    await ben.durable()
    assert (cells_of(first), cells_of(second)) == (["same # secret"], ["same!"])


async def test_a_notebook_that_this_root_lacks_is_not_opened_from_the_store(place):
    place.put("a.ipynb", notebook("one"))
    await crashed_with_edits(place)
    put_another_root(place)
    with pytest.raises(NotFound):
        await place.server().open("a.ipynb")
    assert folders(place) == ["a-ipynb"]


async def test_a_room_of_an_older_version_has_no_mark_and_is_used(place, monkeypatch):
    async def none(_):
        return ""

    place.put("a.ipynb", notebook("one"))
    with monkeypatch.context() as patch:
        patch.setattr(LocalFiles, "root_mark", none)
        await crashed_with_edits(place)
    server = place.server(UNSAVED)
    assert cells_of(await server.open("a.ipynb")) == ["one!"]
    await server.close_all()
    away = put_another_root(place, "other")
    server = place.server(UNSAVED)
    assert cells_of(await server.open("a.ipynb")) == ["other"], "the room of another root is open"
    await server.close_all()
    put_back(place, away)
    # Where no mark can be made, the first place is used, as before there were marks.
    monkeypatch.setattr(LocalFiles, "root_mark", none)
    assert cells_of(await place.server().open("a.ipynb")) == ["one!"]


async def test_a_root_that_is_renamed_and_linked_keeps_its_rooms(place):
    place.put("a.ipynb", notebook("one"))
    await crashed_with_edits(place)
    away = place.root.with_name("away")
    place.root.rename(away)
    place.root.symlink_to(away)
    place.put("a.ipynb", notebook("one", "from git"))
    assert cells_of(await place.server(UNSAVED).open("a.ipynb"))[0] == "one!"


async def test_a_server_that_starts_in_a_subfolder_uses_the_same_rooms(place):
    """The room's id is made of the absolute path of the file, as by `jupyter_server_fileid`."""
    place.ids = dict.fromkeys(("sub/a.ipynb", "a.ipynb"), "absolute")
    place.put("sub/a.ipynb", notebook("one", "two"))
    outer = place.server(UNSAVED)
    first = await outer.open("sub/a.ipynb")
    ana = LocalClient(first)
    await ana.until(lambda: ana.peer.live)
    ana.type("c0", "!")
    await ana.call("save")
    place.root = place.root / "sub"
    with pytest.raises(RoomElsewhere):
        await place.server(UNSAVED).open("a.ipynb")
    await outer.close_all()
    place.put("a.ipynb", notebook("one!", "two from git"))
    server = place.server(UNSAVED)
    host = await server.open("a.ipynb")
    assert epoch_of(host) == epoch_of(first)
    await server.close_all()
    place.root = place.root.parent
    place.put("sub/a.ipynb", notebook("one! from git", "two from git"))
    host = await place.server(UNSAVED).open("sub/a.ipynb")
    assert epoch_of(host) == epoch_of(first)
    assert folders(place) == ["absolute"]


async def test_a_room_that_was_rebuilt_by_hand_stays_with_its_root(place):
    place.put("a.ipynb", notebook("one"))
    await crashed_with_edits(place)
    put_another_root(place, "other")
    server = place.server(UNSAVED)
    await server.open("a.ipynb")
    await server.close_all()
    (name,) = [name for name in folders(place) if "~" in name]
    assert main(["rebuild", name, "--data-dir", str(place.data)]) == 0
    server = place.server(UNSAVED)
    assert cells_of(await server.open("a.ipynb")) == ["other"]
    await server.close_all()
    assert folders(place) == ["a-ipynb", name]
    assert main(["forget", name, "--yes", "--data-dir", str(place.data)]) == 0
    assert folders(place) == ["a-ipynb"]
