"""The choice of the merge base if several older versions of the file are likely."""

from __future__ import annotations

import json
from typing import Any

from jupyter_runtimed.document.notebook import Notebook
from jupyter_runtimed.ids import CellId

from .test_old_states import edit_second, opened, second_is, sources, type_and_save, write

NEW = {"cell_type": "code", "id": "new", "metadata": {}, "outputs": [], "execution_count": None}


def third_is(whole: dict[str, Any], source: str) -> None:
    whole["cells"][2].update(source=[source])


def test_outputs_added_after_a_program_read_the_file_stay() -> None:
    net, ana = opened("print one", "two = 2")
    read = net.disk.file
    ana.run("c0")
    net.run_until_quiet()
    outputs = json.loads(net.disk.file)["cells"][0]["outputs"]
    write(net, read, edit_second)
    first, second = json.loads(net.disk.file)["cells"]
    assert (first["outputs"], second["source"]) == (outputs, ["two = 'from outside'"])
    assert ana.outputs("c0") == "one\n"


def test_outputs_of_a_cell_that_the_program_edited_are_removed() -> None:
    net, ana = opened("print one", "two = 2")
    ana.run("c0")
    net.run_until_quiet()

    def changed(whole: dict[str, Any]) -> None:
        whole["cells"][0].update(source=["print three"], outputs=[], execution_count=None)

    write(net, net.disk.file, changed)
    assert (ana.source("c0"), ana.outputs("c0")) == ("print three", "")


def test_outputs_are_removed_if_a_program_only_clears_outputs() -> None:
    net, ana = opened("print one", "two = 2")
    type_and_save(net, ana, " # one")
    ana.run("c0")
    net.run_until_quiet()

    def cleared(whole: dict[str, Any]) -> None:
        whole["metadata"]["stripped"] = True
        whole["cells"][0].update(outputs=[], execution_count=None)

    write(net, net.disk.file, cleared)
    assert ana.outputs("c0") == ""


def test_a_text_that_became_shorter_in_several_saves_is_merged() -> None:
    text = "\n".join(f"line number {i} of the text" for i in range(60))
    net, ana = opened(text, "two = 2")
    read = net.disk.file
    typed = [f"\ntyped{i}" for i in range(20)]

    def shorter(notebook: Notebook) -> None:
        end = notebook.source(CellId("c0")).index("\n") + 1
        notebook.splice(CellId("c0"), 0, end, "")

    for word in typed:
        ana.edit(shorter)
        type_and_save(net, ana, word)
    theirs = text.replace("line number 50 of", "line fifty of")
    write(net, read, lambda whole: whole["cells"][0].update(source=[theirs]))
    lines = text.replace("number 50", "fifty").splitlines()[20:]
    assert sources(net) == ["\n".join(lines) + "".join(typed), "two = 2"]
    net.assert_converged()


def test_a_deleted_cell_in_the_file_selects_an_older_merge_base() -> None:
    net, ana = opened("one", "two = 2", "this is a cell that the program writes again")
    read = net.disk.file
    ana.edit(lambda notebook: notebook.delete_cell(CellId("c2")))
    type_and_save(net, ana, " typed")
    write(net, read, lambda whole: third_is(whole, "wholly = other(words)"))
    assert sources(net)[0] == "one typed"
    net.assert_converged()


def test_text_typed_into_a_cell_that_a_program_rewrites_stays() -> None:
    net, ana = opened("one", "two = 2")
    read = net.disk.file
    write(net, read, lambda whole: whole["cells"].append(NEW | {"source": ["import this as that"]}))
    ana.type("new", "  # why?")
    net.run_until_quiet()
    write(net, read, lambda whole: whole["cells"].append(NEW | {"source": ["x = plot(1, 2)"]}))
    assert sources(net) == ["one", "two = 2", "x = plot(1, 2)  # why?"]
    net.assert_converged()


def test_a_cell_that_a_program_removes_and_restores_is_there() -> None:
    net, ana = opened("one", "two = 2", "three = 3")
    read = net.disk.file
    write(net, read, lambda whole: whole["cells"].pop(2))
    assert len(sources(net)) == 2
    type_and_save(net, ana, " typed")
    write(net, read, second_is("two = 22"))
    assert sources(net) == ["one typed", "two = 22", "three = 3"]
    net.assert_converged()


def test_a_cell_that_a_user_deleted_stays_deleted() -> None:
    net, ana = opened("one", "two = 2", "three = 3")
    read = net.disk.file
    ana.edit(lambda notebook: notebook.delete_cell(CellId("c2")))
    type_and_save(net, ana, " typed")
    write(net, read, second_is("two = 22"))
    assert sources(net) == ["one typed", "two = 22"]
