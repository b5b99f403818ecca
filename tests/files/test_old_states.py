"""A program reads the file, works for a while, and writes a version based on an old one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jupyter_runtimed.room.settings import Settings
from tests.support.network import Network

Change = Callable[[dict[str, Any]], None]


def opened(*sources: str) -> tuple[Network, Any]:
    net = Network(*sources, settings=Settings(quiet_ms=500, longest_ms=1000))
    ana = net.join("ana")
    net.run_until_quiet()
    return net, ana


def type_and_save(net: Network, ana: Any, text: str) -> None:
    ana.type("c0", text)
    net.run_until_quiet()
    assert text in sources(net)[0]


def sources(net: Network) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(net.disk.file)["cells"]]


def write(net: Network, old: bytes, change: Change) -> None:
    whole = json.loads(old)
    change(whole)
    write_all(net, json.dumps(whole, indent=1).encode() + b"\n")


def write_all(net: Network, data: bytes) -> None:
    net.server.write_outside(data)
    net.run_for(2_000)
    net.run_until_quiet()


def edit_second(whole: dict[str, Any]) -> None:
    whole["cells"][1]["source"] = ["two = 'from outside'"]


def run_all(whole: dict[str, Any]) -> None:
    for number, cell in enumerate(whole["cells"], 1):
        output = {"output_type": "stream", "name": "stdout", "text": [f"{number}\n"]}
        cell.update(execution_count=number, outputs=[output])


def test_text_typed_after_a_program_read_the_file_stays() -> None:
    net, ana = opened("one", "two = 2")
    type_and_save(net, ana, " first")
    old = net.disk.file
    type_and_save(net, ana, " second")
    type_and_save(net, ana, " third")
    write(net, old, edit_second)
    assert sources(net) == ["one first second third", "two = 'from outside'"]
    assert ana.source("c0") == "one first second third"
    assert ana.source("c1") == "two = 'from outside'"


def test_a_program_may_have_read_the_file_before_the_first_save() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")
    write(net, old, edit_second)
    assert sources(net) == ["one typed", "two = 'from outside'"]


def test_a_program_that_executed_all_cells_keeps_typed_text() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")
    write(net, old, run_all)
    assert sources(net) == ["one typed", "two = 2"]
    outputs = [cell["outputs"][0]["text"] for cell in json.loads(net.disk.file)["cells"]]
    assert outputs == [["1\n"], ["2\n"]]


def test_the_programs_own_version_is_the_merge_base_of_its_next_write() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")
    write(net, old, edit_second)
    write(net, net.disk.file, lambda whole: whole["cells"].pop(1))
    assert sources(net) == ["one typed"]


def test_a_program_can_delete_text_that_was_saved_last() -> None:
    net, ana = opened("one", "two = 2")
    type_and_save(net, ana, " typed")
    write(net, net.disk.file, lambda whole: whole["cells"].pop(1))
    assert sources(net) == ["one typed"]


def test_writing_an_older_file_again_goes_back_to_it() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")
    write_all(net, old)
    assert (ana.source("c0"), net.disk.file) == ("one", old)


def test_unsaved_text_stays_when_the_file_goes_back() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " saved")
    ana.type("c0", " unsaved")
    write_all(net, old)
    assert ana.source("c0") == "one unsaved"
    assert sources(net) == ["one unsaved", "two = 2"]


def test_a_version_older_than_ten_minutes_is_not_a_merge_base() -> None:
    """For example another branch's version: later saves are not carried over into it."""
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")
    net.run_for(20 * 60_000)
    write(net, old, edit_second)
    assert sources(net) == ["one", "two = 'from outside'"]


def test_a_notebook_without_cell_ids_keeps_typed_text() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " typed")

    def without_ids(whole: dict[str, Any]) -> None:
        edit_second(whole)
        whole["nbformat_minor"] = 4
        for cell in whole["cells"]:
            del cell["id"]

    write(net, old, without_ids)
    assert sources(net) == ["one typed", "two = 'from outside'"]


def test_edits_of_an_intermediate_version_are_not_applied_twice() -> None:
    """`git stash`, a checkout and `git stash pop` happen between two saves."""
    net, ana = opened("one", "two = 2", "three")
    committed = net.disk.file
    type_and_save(net, ana, " and much that was typed")
    write(net, net.disk.file, lambda whole: whole["cells"][2].update(source=["stashed"]))
    stashed = json.loads(net.disk.file)
    checked_out = json.loads(committed)
    for whole in (stashed, checked_out):
        edit_second(whole)
    net.server.write_outside(json.dumps(checked_out, indent=1).encode() + b"\n")
    net.run_for(120)
    assert ana.source("c1") == "two = 'from outside'"
    write_all(net, json.dumps(stashed, indent=1).encode() + b"\n")
    there = ["one and much that was typed", "two = 'from outside'", "stashed"]
    assert sources(net) == there
    assert [ana.source(cell) for cell in ("c0", "c1", "c2")] == there
    net.assert_converged()
    # The next version is compared with the content of the file.
    write(net, net.disk.file, lambda whole: whole["cells"][1]["source"].append(" again"))
    assert sources(net) == [there[0], there[1] + " again", there[2]]


def test_a_cell_of_an_intermediate_version_is_not_added_twice() -> None:
    net, ana = opened("one", "two = 2", "three")
    committed = net.disk.file
    type_and_save(net, ana, " and much that was typed")
    halfway, whole = json.loads(committed), json.loads(net.disk.file)
    for one in (halfway, whole):
        one["cells"].append(a_cell("new", "new"))
    whole["cells"][-1]["source"] = ["new, and more"]
    net.server.write_outside(json.dumps(halfway, indent=1).encode() + b"\n")
    net.run_for(120)
    ana.type("new", " typed")
    net.run_for(50)
    write_all(net, json.dumps(whole, indent=1).encode() + b"\n")
    *others, last = sources(net)
    assert others == ["one and much that was typed", "two = 2", "three"]
    assert last in ("new, and more typed", "new typed, and more")
    net.assert_converged()


def test_cells_beside_a_cell_deleted_after_an_intermediate_version_are_kept() -> None:
    """A cell without its neighbour comes last; a deleted cell that should move stays deleted."""
    for moved, place in ((2, 0), (2, 2), (3, 1)):
        net, ana = opened("one", "two = 2", "three", "four")
        committed = net.disk.file
        type_and_save(net, ana, " and much that was typed")
        halfway, whole = json.loads(committed), json.loads(net.disk.file)
        for one in (halfway, whole):
            edit_second(one)
        cells = whole["cells"]
        third = cells[2]
        cells.insert(place, cells.pop(moved))
        cells.insert(cells.index(third) + 1, a_cell("beside", "beside three"))
        cells.insert(0, a_cell("top", "on top"))
        net.server.write_outside(json.dumps(halfway, indent=1).encode() + b"\n")
        net.run_for(120)
        ana.edit(lambda notebook: notebook.delete_cell("c2"))
        net.run_until_quiet()
        write_all(net, json.dumps(whole, indent=1).encode() + b"\n")
        there = ["on top", "one and much that was typed", "two = 'from outside'", "beside three"]
        there.insert(2 if moved == 3 else 3, "four")
        assert sources(net) == there
        net.assert_converged()


def a_cell(cell_id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": cell_id, "metadata": {}, "outputs": [],
            "execution_count": None, "source": [source]}  # fmt: skip


def second_is(source: str) -> Change:
    return lambda whole: whole["cells"][1].update(source=[source])


def test_a_program_that_corrects_its_own_words_gets_the_last_of_them() -> None:
    """An agent edits its own copy and returns to a text close to the one it had read."""
    net, ana = opened("one", "two = 2")
    read = net.disk.file
    type_and_save(net, ana, " typed")
    write(net, read, second_is("two = something(quite='different')"))
    type_and_save(net, ana, " and typed")
    write(net, read, second_is("two = 22"))
    assert sources(net) == ["one typed and typed", "two = 22"]
    write(net, read, second_is("two = something(other='wise')"))
    assert sources(net) == ["one typed and typed", "two = something(other='wise')"]
    net.assert_converged()


def test_text_typed_into_the_words_of_a_program_stays() -> None:
    net, ana = opened("one", "two = 2")
    read = net.disk.file
    write(net, read, second_is("two = something(quite='different')"))
    ana.type("c1", "  # why?")
    net.run_until_quiet()
    write(net, read, second_is("two = 22"))
    assert sources(net) == ["one", "two = 22  # why?"]
    net.assert_converged()


def test_a_slow_program_beside_another_one_deletes_no_typed_text() -> None:
    net, ana = opened("one", "two = 2")
    read = net.disk.file
    type_and_save(net, ana, " that was typed")
    ana.type("c1", " + 1")
    net.run_until_quiet()
    write(net, net.disk.file, lambda whole: whole["cells"].append(whole["cells"][0] | {"id": "n"}))
    write(net, read, second_is("two = 22"))
    first, second, third = sources(net)
    assert (first, third) == ("one that was typed", "one that was typed")
    assert second in ("two = 22 + 1", "two = 2 + 12")


def test_a_user_and_a_slow_program_make_the_same_change() -> None:
    net, ana = opened("one", "two = 2")
    read = net.disk.file
    ana.type("c1", "2")
    type_and_save(net, ana, " that was typed")
    write(net, read, second_is("two = 22"))
    assert sources(net) == ["one that was typed", "two = 22"]
    assert ana.source("c1") == "two = 22"


def restart(net: Network) -> None:
    net.crash_server()
    net.run_for(1_000)
    net.start_server()
    net.run_until_quiet()


def test_a_program_may_have_read_the_file_before_the_server_was_restarted() -> None:
    net, ana = opened("one", "two = 2")
    type_and_save(net, ana, " first")
    old = net.disk.file
    type_and_save(net, ana, " second")
    restart(net)
    type_and_save(net, ana, " third")
    write(net, old, edit_second)
    assert sources(net) == ["one first second third", "two = 'from outside'"]


def test_a_program_that_wrote_while_no_server_ran_is_merged() -> None:
    net, ana = opened("one", "two = 2")
    type_and_save(net, ana, " first")
    old = net.disk.file
    type_and_save(net, ana, " second")
    net.crash_server()
    whole = json.loads(old)
    edit_second(whole)
    net.disk.file = json.dumps(whole, indent=1).encode()
    net.start_server()
    net.run_until_quiet()
    assert sources(net) == ["one first second", "two = 'from outside'"]
    assert ana.source("c0") == "one first second"


def test_the_newest_version_is_the_merge_base_long_after_a_restart() -> None:
    net, ana = opened("one", "two = 2")
    old = net.disk.file
    type_and_save(net, ana, " first")
    net.run_for(11 * 60_000)
    restart(net)
    write(net, old, edit_second)
    assert sources(net) == ["one", "two = 'from outside'"]
