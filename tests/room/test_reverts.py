"""A revert to a checkpoint: the edits that it removes, and taking the revert back."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_runtimed.peer.events import RoomEvent
from jupyter_runtimed.room import events as ev

from ..support.network import MAY_READ, Network, SimPeer

ANA = ev.User("ana", "Ana")


def events_named(peer: SimPeer, name: str) -> list[dict[str, Any]]:
    return [dict(h.body) for h in peer.happened if isinstance(h, RoomEvent) and h.name == name]


def result(net: Network, peer: SimPeer, name: str, **args: Any) -> Any:
    call = peer.call(name, **args)
    net.run_until(lambda: peer.reply_to(call) is not None)
    reply = peer.reply_to(call)
    assert reply is not None
    return reply.error or reply.result


def restore(net: Network, data: bytes) -> None:
    """Revert as the contents manager does, in Ana's name."""
    net.server.write_outside(data, by=ANA)
    net.run_until(lambda: bool(events_named(net.peers["ana"], "merged")))
    net.run_until_quiet()


class Story:
    """Ana makes a checkpoint; then Ben rewrites, deletes, adds and runs a cell."""

    def __init__(self) -> None:
        self.net = Network("a = 1", "b = 2", "print 3")
        self.ana, self.ben = self.net.join("ana"), self.net.join("ben")
        self.ana.type("c0", " # kept")
        self.net.run_until_quiet()
        self.net.run_for(100)
        self.checkpoint = self.net.disk.file
        self.net.server.post(ev.Checkpointed("first"))

    def ben_works(self) -> list[str]:
        ben = self.ben
        ben.type("c0", " and spoilt")
        ben.edit(lambda notebook: notebook.delete_cell("c1"))  # type: ignore[arg-type]
        ben.run("c2")
        self.net.run_until_quiet()
        self.net.run_for(100)
        return self.sources()

    def sources(self) -> list[str]:
        return [cell.source for cell in self.ana.notebook.content().cells]


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_preview_names_the_others_that_changed_the_notebook_since(story: Story) -> None:
    net, ana, ben = story.net, story.ana, story.ben
    assert result(net, ana, "preview_revert", checkpoint="first")["people"] == []
    ben.edit(lambda notebook: notebook.set_metadata(None, "language_info", "{}"))  # type: ignore[arg-type]
    net.run_until_quiet()
    assert result(net, ana, "preview_revert", checkpoint="first")["people"] == []
    story.ben_works()
    assert result(net, ana, "preview_revert", checkpoint="first")["people"] == ["ben"]
    assert result(net, ben, "preview_revert", checkpoint="first")["people"] == []
    unknown = result(net, ana, "preview_revert", checkpoint="another")
    assert unknown == {"heads": None, "people": ["ben"]}
    net.leave("ben")
    assert result(net, ana, "preview_revert", checkpoint="first")["people"] == ["ben"]


def test_a_revert_is_reported_in_the_name_of_its_user(story: Story) -> None:
    story.ben_works()
    restore(story.net, story.checkpoint)
    assert story.sources() == ["a = 1 # kept", "b = 2", "print 3"]
    for peer in (story.ana, story.ben):
        (merged,) = events_named(peer, "merged")
        assert merged["by"] == {"username": "ana", "name": "Ana"}
        assert set(merged["cells"]) >= {"c0", "c1"}
    story.net.assert_converged()


def test_taking_a_revert_back_restores_content_and_outputs(story: Story) -> None:
    net = story.net
    before = story.ben_works()
    output = story.ana.outputs("c2")
    assert output
    restore(net, story.checkpoint)
    assert story.ana.outputs("c2") == ""
    story.ana.type("c2", " # typed since")
    net.run_until_quiet()
    (merged,) = events_named(story.ben, "merged")
    assert result(net, story.ben, "undo_revert", revert=merged["revert"]) == {}
    net.run_until(lambda: len(story.sources()) == 2)
    net.run_until_quiet()
    assert story.sources() == [before[0], "print 3 # typed since"]
    assert story.ana.outputs("c2") == output
    assert events_named(story.ana, "revert_undone") == [{"revert": merged["revert"], "by": "ben"}]
    net.assert_converged()
    again = result(net, story.ben, "undo_revert", revert=merged["revert"])
    assert again["code"] == "not-found"


def test_a_viewer_cannot_take_a_revert_back(story: Story) -> None:
    eve = story.net.join("eve", MAY_READ)
    assert result(story.net, eve, "undo_revert", revert="x")["code"] == "forbidden"
