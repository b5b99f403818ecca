"""A blob is served through the notebooks that refer to it or referred to it recently."""

from __future__ import annotations

import asyncio

from jupyter_runtimed.host.blob_refs import MOST_RECENT, BlobRefs, needed
from jupyter_runtimed.host.host import Host
from jupyter_runtimed.ids import RoomId, Sha256

from .conftest import Place, notebook
from .test_blobs_swept import LARGE, show, shown


def only_blob(host: Host) -> Sha256:
    (sha256,) = set(needed(host))
    return sha256


async def test_each_notebook_that_shows_a_blob_gives_access_to_it(place: Place) -> None:
    for name in ("a.ipynb", "b.ipynb", "c.ipynb"):
        place.put(name, notebook("x"))
    registry = place.server()
    a, b = await registry.open("a.ipynb"), await registry.open("b.ipynb")
    await registry.open("c.ipynb")
    await shown(a, LARGE)
    sha256 = only_blob(a)
    assert registry.paths_of_blob(sha256) == ["a.ipynb"]
    await shown(b, LARGE)
    assert registry.paths_of_blob(sha256) == ["a.ipynb", "b.ipynb"]
    a.moved("moved.ipynb")
    assert registry.paths_of_blob(sha256) == ["moved.ipynb", "b.ipynb"]
    assert registry.paths_of_blob("0" * 64) == []


async def test_an_output_that_was_replaced_can_still_be_fetched(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    registry = place.server()
    host = await registry.open("a.ipynb")
    ana = await shown(host, LARGE)
    former = only_blob(host)
    await show(ana, LARGE + "more")
    assert only_blob(host) != former
    assert registry.paths_of_blob(former) == ["a.ipynb"]


async def test_outputs_of_a_file_give_access_again_after_a_restart(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    first = place.server()
    host = await first.open("a.ipynb")
    ana = await shown(host, LARGE)
    sha256 = only_blob(host)
    assert (await ana.call("save")).error is None
    await first.close_all()
    second = place.server()
    assert second.paths_of_blob(sha256) == []
    await second.open("a.ipynb")
    assert second.paths_of_blob(sha256) == ["a.ipynb"]


async def test_a_room_that_just_closed_gives_access(place: Place) -> None:
    place.put("a.ipynb", notebook("x"))
    registry = place.server()
    host = await registry.open("a.ipynb")
    await shown(host, LARGE)
    sha256 = only_blob(host)
    host._end()
    await asyncio.gather(*registry._ending.values())
    assert registry.by_path("a.ipynb") is None
    assert registry.paths_of_blob(sha256) == ["a.ipynb"]
    registry._forget(host.room_id)
    assert registry.paths_of_blob(sha256) == []


def test_only_the_latest_of_many_blobs_are_remembered() -> None:
    refs, room = BlobRefs(), RoomId("r")
    names = [Sha256(f"{number:064x}") for number in range(MOST_RECENT + 1)]
    refs.put(room, names[0])
    refs.put(room, names[1])
    refs.put(room, names[0])
    for name in names[2:]:
        refs.put(room, name)
    assert not refs.has(room, names[1])
    assert refs.has(room, names[0]) and refs.has(room, names[-1])
