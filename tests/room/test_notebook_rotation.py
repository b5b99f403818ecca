"""A notebook with a long history is rotated when all clients have left."""

from __future__ import annotations

from jupyter_runtimed.crdt import heads_of, load
from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import to_json
from jupyter_runtimed.ids import CellId
from jupyter_runtimed.room.settings import Settings

from ..support.network import Network

LIMIT = 20


def network(**settings: int) -> Network:
    return Network("one\n", "two\n", settings=Settings(idle_ms=2_000, **settings))


def type_much(net: Network, name: str = "ana", count: int = 2 * LIMIT) -> None:
    peer = net.peers[name]
    for index in range(count):
        peer.type("c0", f"{index} ")
        net.run_for(5)


def disconnect_all(net: Network) -> None:
    net.run_for(8_000)
    for name in list(net.peers):
        net.leave(name)
    net.run_for(4_000)
    assert net.server.room is None


def test_a_rotated_notebook_has_the_same_content_and_little_history() -> None:
    net = network(history_changes=LIMIT)
    net.join("ana")
    type_much(net)
    before = net.server.open_room().notebook.content()
    disconnect_all(net)
    file = net.disk.file

    net.join("ben")
    room = net.server.open_room()
    assert room.notebook.content() == before
    assert room.notebook.change_count <= 3
    net.run_for(8_000)
    assert net.disk.file == file
    assert not room.filing.unsaved
    net.assert_converged()


def test_the_document_from_before_a_rotation_is_archived_whole() -> None:
    net = network(history_changes=LIMIT)
    net.join("ana")
    type_much(net)
    heads = net.server.open_room().notebook.heads
    disconnect_all(net)
    (former,) = net.disk.former.values()
    assert heads_of(load(former, actor=b"x" * 16)) == heads


def test_a_short_history_is_not_rotated() -> None:
    net = network(history_changes=1_000)
    net.join("ana")
    type_much(net)
    epoch = net.disk.documents["notebook"][0]
    disconnect_all(net)
    assert net.disk.documents["notebook"][0] == epoch


def test_without_a_limit_a_long_history_is_not_rotated() -> None:
    net = network(history_changes=0)
    net.join("ana")
    type_much(net)
    epoch = net.disk.documents["notebook"][0]
    disconnect_all(net)
    assert net.disk.documents["notebook"][0] == epoch


def test_text_typed_offline_during_a_rotation_is_rebased() -> None:
    net = network(history_changes=LIMIT)
    net.join("ana")
    net.join("ben")
    type_much(net)
    net.cut("ben")
    net.peers["ben"].type("c1", "by ben ")
    type_much(net, count=5)
    net.run_for(8_000)
    net.leave("ana")
    net.run_for(4_000)
    assert net.server.room is None

    net.join("cyd")
    net.peers["cyd"].type("c1", "by cyd ")
    net.run_for(500)
    net.heal("ben")
    net.run_for(8_000)
    net.assert_converged()
    text = net.server.open_room().notebook.source(CellId("c1"))
    assert text.count("by ben ") == 1
    assert text.count("by cyd ") == 1
    assert text.count("two") == 1


def test_a_file_changed_during_a_rotation_is_merged() -> None:
    net = network(history_changes=LIMIT)
    net.join("ana")
    type_much(net)
    disconnect_all(net)
    net.disk.file = net.disk.file.replace(b"two", b"two and a half")
    net.join("ben")
    net.peers["ben"].type("c0", "more")
    net.run_for(8_000)
    net.assert_converged()
    room = net.server.open_room()
    assert room.notebook.source(CellId("c1")) == "two and a half\n"
    found = ipynb.read(net.disk.file, new_id=net.new_id, put_blob=net.server._put_blob)
    assert found.content.cells[0].source == room.notebook.source(CellId("c0"))


def test_unsaved_content_of_the_room_is_not_attributed_to_the_file() -> None:
    """JupyterLab's kernel metadata alone causes no save, so the file lacks it."""
    net = network(history_changes=LIMIT)
    net.join("ana")
    type_much(net)
    net.run_for(8_000)
    net.peers["ana"].edit(lambda nb: nb.set_metadata(None, "language_info", to_json({"name": "x"})))
    disconnect_all(net)
    assert len(net.disk.former) == 1
    assert b"language_info" not in net.disk.file

    net.disk.file = net.disk.file.replace(b"two", b"two and a half")
    net.join("ben")
    net.run_for(8_000)
    room = net.server.open_room()
    assert room.notebook.source(CellId("c1")) == "two and a half\n"
    assert "language_info" in room.notebook.metadata()
