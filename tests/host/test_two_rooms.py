"""Two rooms on one file merge each other's edits and then stop writing."""

import os

import pytest

from .conftest import notebook
from .local_client import LocalClient


async def _two_servers(place):
    place.put("a.ipynb", notebook("", ""))
    one = place.server()
    place.data = place.data.with_name("other")
    return [await server.open("a.ipynb") for server in (one, place.server())]


async def _two_links(place):
    place.put("real.ipynb", notebook("", ""))
    (place.root / "a.ipynb").symlink_to("real.ipynb")
    server = place.server()
    return [await server.open(path) for path in ("a.ipynb", "real.ipynb")]


async def _two_names(place):
    place.put("real.ipynb", notebook("", ""))
    os.link(place.root / "real.ipynb", place.root / "a.ipynb")
    server = place.server()
    return [await server.open(path) for path in ("a.ipynb", "real.ipynb")]


@pytest.mark.parametrize("rooms", [_two_servers, _two_links, _two_names])
async def test_text_typed_in_two_rooms_is_in_both_and_in_the_file(place, rooms):
    ana, ben = (
        LocalClient(host, name) for host, name in zip(await rooms(place), "ab", strict=True)
    )
    for client in (ana, ben):
        await client.until(lambda client=client: client.peer.live)
    words = []
    for number in range(40):
        for client in (ana, ben):
            words.append(f"{client.name}{number:02} ")
            client.type("c0" if number % 2 else "c1", words[-1])
            await client.durable()
        if number % 8 == 7:
            assert (await (ana if number % 16 == 7 else ben).call("save")).error is None

    for client in (ana, ben, ana, ben):
        assert (await client.call("save")).error is None
    assert _sources(ana) == _sources(ben)
    assert ana.host.room.filing.versions.stamp.hash == ben.host.room.filing.versions.stamp.hash
    assert not ana.host.room.filing.unsaved
    assert place.sources() == _sources(ana)
    whole = "".join(_sources(ana))
    assert {word: whole.count(word) for word in words} == dict.fromkeys(words, 1)


def _sources(client):
    return [client.source("c0"), client.source("c1")]
