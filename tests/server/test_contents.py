"""The contents API on open notebooks: other tools see and change the room, not an old file."""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import Any

import nbformat
import pytest

from jupyter_runtimed.client import LiveNotebook
from jupyter_runtimed.errors import SaveFailed
from jupyter_runtimed.peer.events import RoomEvent

from .clients import Place

ASYNC = "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager"
SYNC = "jupyter_server.services.contents.largefilemanager.LargeFileManager"
NO_AUTOSAVE = {"autosave": False}


@pytest.fixture(params=[ASYNC, SYNC], ids=["async", "sync"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Disable autosave, so that the file changes only on request."""
    kind = {"contents_manager_class": request.param}
    return {"ServerApp": kind, "RuntimedExtension": NO_AUTOSAVE}


def sources(model: Any) -> list[str]:
    return [cell["source"] for cell in model["content"]["cells"]]


async def put(place: Place, path: str, content: Any) -> Any:
    body = {"type": "notebook", "format": "json", "content": content}
    answer = await place.ask("PUT", f"api/contents/{path}", body)
    assert answer.status in (200, 201), answer.body
    return answer.json


async def test_reading_an_open_notebook_returns_unsaved_edits(place: Place) -> None:
    place.write("a.ipynb", "x")
    before = await place.contents("a.ipynb")
    ana = await place.open("a.ipynb")
    opened = await place.contents("a.ipynb")
    assert opened["content"] == before["content"]
    await ana.append("c0", " + 1")
    await ana.wait_acknowledged(30)
    after = await place.contents("a.ipynb", type="notebook", hash=1)
    assert sources(after) == ["x + 1"]
    assert (after["type"], after["format"], after["path"]) == ("notebook", "json", "a.ipynb")
    assert (await place.contents("a.ipynb", content=0))["content"] is None
    assert place.on_disk("a.ipynb") == ["x"]


async def test_the_contents_model_has_the_same_fields_as_in_plain_jupyter(place: Place) -> None:
    file = place.write("a.ipynb", "x")
    wanted = await place.contents("a.ipynb", content=0, hash=1)
    assert wanted["hash"] == sha256(file.read_bytes()).hexdigest()
    ana = await place.open("a.ipynb")
    assert await place.contents("a.ipynb", content=0, hash=1) == wanted
    await ana.append("c0", " + 1")
    await ana.wait_acknowledged(30)
    assert await place.contents("a.ipynb", content=0, hash=1) == wanted
    whole = await place.contents("a.ipynb", hash=1)
    compared_fields = (
        "hash",
        "hash_algorithm",
        "last_modified",
        "created",
        "size",
        "writable",
        "path",
    )
    assert [whole[name] for name in compared_fields] == [wanted[name] for name in compared_fields]
    await ana.save()
    after = await place.contents("a.ipynb", hash=1)
    assert after["hash"] == sha256(file.read_bytes()).hexdigest() != wanted["hash"]
    assert after["size"] == file.stat().st_size
    bare = await place.contents("a.ipynb", content=0)
    assert (bare["hash"], bare["hash_algorithm"]) == (None, None)


async def test_a_put_is_merged_with_what_was_typed_since_it_was_read(place: Place) -> None:
    place.write("a.ipynb", "one", "two")
    ana = await place.open("a.ipynb")
    theirs = (await place.contents("a.ipynb"))["content"]
    await ana.append("c0", " typed")
    await ana.wait_acknowledged(30)
    theirs["cells"][1]["source"] = "two changed"
    theirs["cells"].append(nbformat.v4.new_markdown_cell("three", id="c2"))
    saved = await put(place, "a.ipynb", theirs)
    assert saved["content"] is None
    await ana.wait_for(lambda: len(ana.cells) == 3, 30)
    await ana.wait_saved(30)
    want = ["one typed", "two changed", "three"]
    assert [cell.source for cell in ana.cells] == place.on_disk("a.ipynb") == want


async def test_puts_while_a_client_types_lose_nothing(place: Place) -> None:
    place.write("a.ipynb", "", "")
    ana = await place.open("a.ipynb")

    async def type_letters() -> None:
        for i in range(30):
            await ana.append("c0", chr(97 + i % 26))
            await ana.wait_acknowledged(30)

    async def put_lines() -> None:
        for i in range(10):
            theirs = (await place.contents("a.ipynb"))["content"]
            theirs["cells"][1]["source"] += f"{i}\n"
            await put(place, "a.ipynb", theirs)

    await asyncio.gather(type_letters(), put_lines())
    await ana.save()
    whole = sources(await place.contents("a.ipynb"))
    assert whole[0] == "".join(chr(97 + i % 26) for i in range(30))
    assert whole[1] == "".join(f"{i}\n" for i in range(10))
    assert place.on_disk("a.ipynb") == whole


async def test_an_invalid_put_changes_nothing(place: Place) -> None:
    place.write("a.ipynb", "x")
    await place.open("a.ipynb")
    for bad in ({"cells": "x", "nbformat": 4, "nbformat_minor": 5}, {"nbformat": 77}):
        body = {"type": "notebook", "format": "json", "content": bad}
        answer = await place.ask("PUT", "api/contents/a.ipynb", body)
        assert answer.status == 400, answer.body
        assert answer.json["message"]
    assert sources(await place.contents("a.ipynb")) == ["x"]


async def rename(place: Place, old: str, new: str) -> None:
    answer = await place.ask("PATCH", f"api/contents/{old}", {"path": new})
    assert answer.status == 200, answer.body


async def test_a_renamed_notebook_keeps_its_room(place: Place) -> None:
    file = place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    room = await place.room("a.ipynb")
    await ana.append("c0", " unsaved")
    await ana.wait_acknowledged(30)
    await rename(place, "a.ipynb", "b.ipynb")
    await ana.wait_for(lambda: ana.path == "b.ipynb", 30)
    await ana.append("c0", " more")
    await ana.save()
    assert place.on_disk("b.ipynb") == ["x unsaved more"]
    assert not file.exists()
    assert await place.room("b.ipynb") == room
    answer = await place.ask("PUT", "api/runtimed/rooms", {"path": "a.ipynb"})
    assert answer.status == 404
    await rename(place, "b.ipynb", "a.ipynb")
    assert await place.room("a.ipynb") == room


async def test_a_renamed_folder_keeps_its_rooms(place: Place) -> None:
    place.write("d/e/a.ipynb", "x")
    place.write("dd/a.ipynb", "y")
    ana = await place.open("d/e/a.ipynb")
    bob = await place.open("dd/a.ipynb")
    room = await place.room("d/e/a.ipynb")
    await rename(place, "d", "f")
    await ana.wait_for(lambda: ana.path == "f/e/a.ipynb", 30)
    assert bob.path == "dd/a.ipynb"
    await ana.append("c0", "!")
    await ana.save()
    assert place.on_disk("f/e/a.ipynb") == ["x!"]
    assert not (place.root / "d").exists()
    assert await place.room("f/e/a.ipynb") == room


async def test_a_deleted_notebook_stays_deleted_until_it_is_saved(place: Place) -> None:
    file = place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    await ana.append("c0", " unsaved")
    await ana.wait_acknowledged(30)
    assert (await place.ask("DELETE", "api/contents/a.ipynb")).status == 204
    assert "deleted" in (await socket.event("deleted"))["message"]
    await ana.append("c0", " more")
    await ana.wait_acknowledged(30)
    assert not file.exists()
    await ana.save()
    assert place.on_disk("a.ipynb") == ["x unsaved more"]


async def test_a_deleted_folder_is_reported_to_its_rooms(place: Place) -> None:
    place.app.contents_manager.delete_to_trash = False
    place.app.contents_manager.always_delete_dir = True
    file = place.write("d/a.ipynb", "x")
    socket = await place.socket(await place.room("d/a.ipynb"))
    await socket.hello()
    assert (await place.ask("DELETE", "api/contents/d")).status == 204
    await socket.event("deleted")
    assert not file.parent.exists()


async def test_a_notebook_of_a_deleted_folder_is_saved_when_the_folder_returns(
    place: Place,
) -> None:
    place.app.contents_manager.delete_to_trash = False
    place.app.contents_manager.always_delete_dir = True
    file = place.write("d/e/a.ipynb", "x")
    ana = await place.open("d/e/a.ipynb")
    assert (await place.ask("DELETE", "api/contents/d")).status == 204
    await ana.append("c0", " typed")
    await ana.wait_acknowledged(30)
    with pytest.raises(SaveFailed, match="its folder is gone"):
        await ana.save()
    assert not file.parent.exists()
    file.parent.mkdir(parents=True)
    await ana.save()
    assert place.on_disk("d/e/a.ipynb") == ["x typed"]


async def test_notebooks_of_a_copied_folder_have_their_own_rooms(place: Place) -> None:
    place.write("d/a.ipynb", "x")
    ana = await place.open("d/a.ipynb")
    await ana.append("c0", " saved")
    await ana.save()
    answer = await place.ask("POST", "api/contents/", {"copy_from": "d"})
    assert answer.status == 201, answer.body
    path = f"{answer.json['path']}/a.ipynb"
    assert place.on_disk(path) == ["x saved"]
    ben = await place.open(path)
    await ben.append("c0", " in the copy")
    await ben.save()
    assert await place.room(path) != await place.room("d/a.ipynb")
    assert place.on_disk(path) == ["x saved in the copy"]
    assert (ana.path, ana.source("c0")) == ("d/a.ipynb", "x saved")


async def test_a_copy_has_unsaved_edits(place: Place) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    await ana.append("c0", " unsaved")
    await ana.wait_acknowledged(30)
    answer = await place.ask("POST", "api/contents/", {"copy_from": "a.ipynb"})
    assert answer.status == 201, answer.body
    assert place.on_disk(answer.json["path"]) == ["x unsaved"]
    assert await place.room(answer.json["path"]) != await place.room("a.ipynb")


async def test_checkpoints_are_made_of_the_room_and_put_back_into_it(place: Place) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    await ana.append("c0", " kept")
    await ana.save()
    made = await place.ask("POST", "api/contents/a.ipynb/checkpoints")
    assert made.status == 201, made.body
    await ana.replace("c0", "spoilt")
    await ana.save()
    reverts: list[Any] = []
    ana.on_change(
        lambda event: (
            reverts.append(event.body)
            if isinstance(event, RoomEvent) and "by" in event.body
            else None
        )
    )
    back = await place.ask("POST", f"api/contents/a.ipynb/checkpoints/{made.json['id']}")
    assert back.status == 204, back.body
    await ana.wait_for(lambda: ana.source("c0") == "x kept", 30)
    await ana.wait_for(lambda: bool(reverts), 30)
    assert [(body["cells"], bool(body["by"]["name"])) for body in reverts] == [(["c0"], True)]
    listed = await place.ask("GET", "api/contents/a.ipynb/checkpoints")
    assert [c["id"] for c in listed.json] == [made.json["id"]]
    gone = await place.ask("DELETE", f"api/contents/a.ipynb/checkpoints/{made.json['id']}")
    assert gone.status == 204


async def test_trusting_a_notebook_by_the_contents_api_reaches_the_room(place: Place) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    (cell,) = (await place.contents("a.ipynb"))["content"]["cells"]
    assert cell["metadata"]["trusted"] is False
    assert (await place.ask("POST", "api/contents/a.ipynb/trust")).status == 201
    (cell,) = (await place.contents("a.ipynb"))["content"]["cells"]
    assert cell["metadata"]["trusted"] is True
    await ana.save()
    assert "trusted" not in (place.root / "a.ipynb").read_text()


async def test_an_open_notebook_is_exported_as_it_is_now(place: Place) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    await ana.append("c0", " + unsaved")
    await ana.wait_acknowledged(30)
    answer = await place.ask("GET", "nbconvert/script/a.ipynb")
    assert answer.status == 200, answer.body
    assert b"x + unsaved" in answer.body


async def test_a_path_with_a_lone_surrogate_is_refused(place: Place) -> None:
    answer = await place.ask("PUT", "api/runtimed/rooms", raw=b'{"path": "a\\ud800.ipynb"}')
    assert answer.status == 400
    assert "lone surrogate" in answer.json["message"]


async def test_a_download_has_the_content_of_the_next_save(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write("a.ipynb", "x")
    ana = await place.open("a.ipynb")
    host = place.host("a.ipynb")
    await ana.append("c0", " typed")
    await ana.wait_acknowledged(30)
    before = await place.ask("GET", "files/a.ipynb")
    assert b" typed" not in before.body, "without autosave the file is what was saved on purpose"
    asynchronous = "Async" in type(place.app.contents_manager).__mro__[1].__name__
    monkeypatch.setattr(type(host), "autosaves", True)
    after = await place.ask("GET", "files/a.ipynb")
    assert (b" typed" in after.body) == asynchronous


async def test_notebooks_that_are_not_open_are_left_to_the_contents_manager(place: Place) -> None:
    place.write("a.ipynb", "x")
    await place.open("a.ipynb")
    whole = nbformat.v4.new_notebook()
    await put(place, "new.ipynb", json.loads(nbformat.writes(whole)))
    (place.root / "t.txt").write_text("text")
    assert (await place.contents("t.txt"))["content"] == "text"
    listed = {item["name"] for item in (await place.contents(""))["content"]}
    assert {"a.ipynb", "new.ipynb", "t.txt"} <= listed
    assert (await place.contents("a.ipynb", type="file", format="text"))["type"] == "file"
    await rename(place, "t.txt", "u.txt")
    assert (await place.ask("DELETE", "api/contents/new.ipynb")).status == 204


@pytest.mark.kernel
async def test_a_notebook_that_is_deleted_while_it_runs_continues(place: Place) -> None:
    file = place.write("a.ipynb", "print('before', flush=True)\ninput()\nprint('after')")
    ana = await place.open("a.ipynb")
    run = asyncio.create_task(ana.run("c0", 60))
    await ana.wait_for(lambda: "before" in str(ana.outputs("c0")) and has_prompt(ana), 60)
    assert (await place.ask("DELETE", "api/contents/a.ipynb")).status == 204
    await ana.answer_input("c0", "")
    result = await run
    assert (result.state, result.text.split()) == ("ok", ["before", "after"])
    assert not file.exists()
    await ana.save()
    assert "after" in place.on_disk_outputs("a.ipynb")
    await ana.shutdown()


def has_prompt(ana: LiveNotebook) -> bool:
    run = ana.last_run("c0")
    return run is not None and run.prompt is not None


async def test_a_too_deeply_nested_notebook_is_refused_with_a_message(
    place: Place,
) -> None:
    file = place.write("a.ipynb", "x", deep=0)
    deep = "[" * 500 + "]" * 500
    file.write_text(file.read_text().replace('"deep": 0', f'"deep": {deep}'))
    await place.open("a.ipynb")
    answer = await place.ask("GET", "api/contents/a.ipynb")
    assert (answer.status, "nested too deeply" in answer.json["message"]) == (400, True)
