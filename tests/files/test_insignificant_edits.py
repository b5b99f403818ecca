"""Opening a notebook in JupyterLab writes nothing; kernel metadata waits for the next save."""

from __future__ import annotations

import json

import pytest

from jupyter_runtimed.document.content import JsonText, to_json
from jupyter_runtimed.peer.events import RoomEvent
from jupyter_runtimed.room.file.significance import only_of_the_kernel
from jupyter_runtimed.room.settings import Settings
from tests.support.network import Network, SimPeer

SPEC = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
BARE = (
    b'{"cells": [{"cell_type": "code", "execution_count": null, "id": "c0", "metadata": {}, '
    b'"outputs": [], "source": "x = 1"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
)
LANGUAGE = {"name": "python", "version": "3.11.7"}


def note_the_kernel(peer: SimPeer) -> None:
    peer.edit(lambda nb: nb.set_metadata(None, "kernelspec", to_json(SPEC)))
    peer.edit(lambda nb: nb.set_metadata(None, "language_info", to_json(LANGUAGE)))


def test_kernel_metadata_waits_for_the_next_save() -> None:
    net = Network(file=BARE)
    before = net.disk.file
    ana = net.join("ana")
    note_the_kernel(ana)
    net.run_for(60_000)
    assert net.disk.file == before
    room_events = [h for h in ana.happened if isinstance(h, RoomEvent)]
    assert {h.name for h in room_events} == {"saved"}, "kernel metadata is reported as unsaved"
    assert room_events[-1].body["heads"] == list(ana.notebook.heads)
    ana.type("c0", " # edited")
    net.run_until_quiet()
    whole = json.loads(net.disk.file)
    assert whole["metadata"] == {"kernelspec": SPEC, "language_info": LANGUAGE}


def test_kernel_metadata_causes_no_save_when_the_room_is_opened_again() -> None:
    net = Network(file=BARE, settings=Settings(idle_ms=100))
    before = net.disk.file
    ana = net.join("ana")
    note_the_kernel(ana)
    net.run_until_quiet()
    net.leave("ana")
    net.run_for(5_000)
    assert net.server.room is None
    ben = net.join("ben")
    net.run_for(10_000)
    assert net.disk.file == before
    assert "kernelspec" in ben.notebook.metadata()


def test_kernel_metadata_does_not_overwrite_an_outside_change() -> None:
    net = Network(file=BARE)
    ana = net.join("ana")
    note_the_kernel(ana)
    net.run_until_quiet()
    theirs = BARE.replace(b"x = 1", b"x = 2")
    net.server.write_outside(theirs)
    net.run_for(10_000)
    assert (ana.source("c0"), net.disk.file) == ("x = 2", theirs)


def test_a_requested_save_writes_kernel_metadata() -> None:
    net = Network(file=BARE)
    ana = net.join("ana")
    note_the_kernel(ana)
    ana.call("save")
    net.run_for(5_000)
    assert json.loads(net.disk.file)["metadata"]["kernelspec"] == SPEC


@pytest.mark.parametrize(
    ("was", "now", "trifle"),
    [
        ({}, {}, True),
        ({}, {"kernelspec": SPEC}, True),
        ({"kernelspec": SPEC}, {"kernelspec": {**SPEC, "display_name": "Python 3"}}, True),
        ({"kernelspec": SPEC}, {"kernelspec": {**SPEC, "name": "ir"}}, False),
        ({"kernelspec": SPEC}, {}, False),
        ({"language_info": LANGUAGE}, {"language_info": {"name": "R"}}, True),
        ({}, {"title": "x"}, False),
        ({"title": "x"}, {"kernelspec": SPEC}, False),
    ],
)
def test_insignificant_edits_are_recognised(
    was: dict[str, object], now: dict[str, object], *, trifle: bool
) -> None:
    before = {key: to_json(value) for key, value in was.items()}
    after: dict[str, JsonText] = {key: to_json(value) for key, value in now.items()}
    assert only_of_the_kernel(before, after) == trifle
