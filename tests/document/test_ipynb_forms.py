"""Unusual forms of files: how they are read, and what an edit keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import nbformat
import pytest

from jupyter_runtimed.document import ipynb
from jupyter_runtimed.document.content import (
    Blob,
    Cell,
    CellOutputs,
    Content,
    DisplayOutput,
    ErrorOutput,
    JsonText,
    StreamOutput,
    UnknownOutput,
)
from jupyter_runtimed.errors import NotebookError
from jupyter_runtimed.ids import CellId
from tests.document.notebook_files import (
    FIXTURES,
    Blobs,
    changed_lines,
    ids,
    read,
    with_source,
    write,
)


def fixture(name: str) -> tuple[bytes, ipynb.FileContent, Blobs]:
    data, blobs = (FIXTURES / f"{name}.ipynb").read_bytes(), Blobs()
    return data, read(data, blobs), blobs


def with_cell(content: Content, index: int, **changes: Any) -> Content:
    cells = list(content.cells)
    cells[index] = replace(cells[index], **changes)
    return replace(content, cells=tuple(cells))


def with_new_cell(content: Content, index: int = 1, name: str = "fresh") -> Content:
    new = Cell(CellId(name), "code", "a = 'é'\nb")
    return replace(content, cells=(*content.cells[:index], new, *content.cells[index:]))


def diff(old: bytes, new: bytes) -> tuple[list[str], list[str]]:
    lines, added = changed_lines(old, new)
    return [old.decode().split("\n")[number] for number in sorted(lines)], added


# ---------------------------------------------------------------- style


def test_a_new_file_is_written_as_nbformat_does() -> None:
    data, found, blobs = fixture("every_kind")
    notebook = nbformat.reads(data.decode(), as_version=4)
    assert write(found.content, blobs, None).decode() == nbformat.writes(notebook) + "\n"


def test_a_new_cell_is_written_as_nbformat_does() -> None:
    data, found, blobs = fixture("every_kind")
    new = with_new_cell(found.content, 2)
    written = write(new, blobs, data)
    notebook = nbformat.reads(written.decode(), as_version=4)
    assert written.decode() == nbformat.writes(notebook) + "\n"
    before, after = data.decode().split("\n"), written.decode().split("\n")
    start = after.index('   "id": "fresh",') - 3
    assert before[:start] == after[:start]
    assert before[start:] == after[start + 11 :]
    assert after[start : start + 11] == [
        "  {",
        '   "cell_type": "code",',
        '   "execution_count": null,',
        '   "id": "fresh",',
        '   "metadata": {},',
        '   "outputs": [],',
        '   "source": [',
        "    \"a = 'é'\\n\",",
        '    "b"',
        "   ]",
        "  },",
    ]


@pytest.mark.parametrize("name", ["one_line", "one_line_spaced", "four_spaces", "tabs_crlf_bom"])
def test_a_new_cell_follows_the_files_indentation(name: str) -> None:
    data, found, blobs = fixture(name)
    written = write(with_new_cell(found.content), blobs, data)
    text = data.decode().removeprefix("\ufeff")
    value = json.loads(written.decode().removeprefix("\ufeff"))
    indent = {"one_line": None, "one_line_spaced": None, "four_spaces": 4, "tabs_crlf_bom": "\t"}
    separators = (",", ":") if name == "one_line" else None
    expected = json.dumps(
        value, indent=indent[name], separators=separators, ensure_ascii=data.isascii()
    )
    expected = expected.replace("\n", "\r\n") if "\r\n" in text else expected
    new_cell = json.loads(expected)["cells"][1]
    assert new_cell["id"] == "fresh"
    assert written.decode().removeprefix("\ufeff").rstrip("\n") == expected
    assert written.startswith(b"\xef\xbb\xbf") == data.startswith(b"\xef\xbb\xbf")
    assert written.endswith(b"\n") == data.endswith(b"\n")


def test_new_text_is_escaped_where_the_file_escapes() -> None:
    data, found, blobs = fixture("unicode_escaped")
    written = write(with_new_cell(found.content), blobs, data)
    assert written.isascii()
    assert b"'\\u00e9'" in written


def test_new_text_is_not_escaped_where_the_file_does_not() -> None:
    data, found, blobs = fixture("unicode")
    assert "'é'".encode() in write(with_new_cell(found.content), blobs, data)


def test_strings_stay_strings_and_keys_where_they_are() -> None:
    data, found, blobs = fixture("strings_unsorted")
    written = write(with_source(found.content, 1, "a\nb"), blobs, data)
    assert diff(data, written) == (
        ['      "source": "import math\\nmath.pi\\n",'],
        ['      "source": "a\\nb",'],
    )
    assert '"source": "a = \'é\'\\nb"'.encode() in write(with_new_cell(found.content), blobs, data)


def test_an_edit_between_uneven_white_space_leaves_it_uneven() -> None:
    data, found, blobs = fixture("ragged")
    assert [cell.source for cell in found.content.cells] == ["a=1\nb/c", "x", "é\n"]
    written = write(with_source(found.content, 0, "a=1\nb"), blobs, data)
    assert written == data.replace(b'"b\\/c"', b'"b"')
    without = replace(found.content, cells=found.content.cells[:1] + found.content.cells[2:])
    assert b'"\\u00e9\\n"' in write(without, blobs, data)


# ---------------------------------------------------------------- sources


def test_sources_have_line_feeds_and_keep_the_files_line_ends() -> None:
    data, found, blobs = fixture("crlf_sources")
    assert [cell.source for cell in found.content.cells] == [
        "a = 1\nb = 2\nc = 3",
        "x\ny\nz\n",
        "plain\n",
    ]
    written = write(with_source(found.content, 0, "a = 1\nb = 5\nc = 3"), blobs, data)
    assert diff(data, written) == (['    "b = 2\\r\\n",'], ['    "b = 5\\r\\n",'])


def test_lines_that_another_tool_cut_are_cut_as_it_does() -> None:
    data, found, blobs = fixture("line_separators")
    new = with_source(found.content, 0, found.content.cells[0].source + "\nc")
    written = write(new, blobs, data)
    assert diff(data, written) == (['    "b"'], ['    "b\\n",', '    "c"'])


def test_lone_surrogates_are_replaced_in_text_and_unchanged_in_the_file() -> None:
    data, found, blobs = fixture("surrogates")
    code, markdown = found.content.cells
    assert code.source == "s = '\ufffd'\nt = '😀'"
    assert code.id == "half\ufffd"
    assert code.metadata == {"k\ufffd": '"v\\udfff"', "pair": '"😀"'}
    assert markdown.source == "\ufffd\0\x1f"
    written = write(with_cell(found.content, 0, source="s"), blobs, data)
    assert diff(data, written)[0] == [
        "    \"s = '\\ud800'\\n\",",
        "    \"t = '\\ud83d\\ude00'\"",
    ] or (b'"metadata": {"k\\ud800": "v\\udfff", "pair": "\\ud83d\\ude00"}' in written)
    assert b'"k\\ud800": "v\\udfff"' in written


# ---------------------------------------------------------------- values


def test_numbers_keep_their_digits() -> None:
    data, found, blobs = fixture("numbers")
    cell = found.content.cells[0]
    assert cell.metadata["a"] == "1.0"
    assert cell.metadata["b"] == "1"
    assert cell.metadata["c"] == "-0.0"
    assert cell.metadata["e"] == "1e400"
    assert cell.metadata["g"] == "NaN"
    assert cell.metadata["h"] == "[Infinity,-Infinity]"
    assert cell.metadata["i"] == "18446744073709551617"
    assert cell.metadata["m"] == "9" * 5000
    display = found.content.outcomes[cell.id].outputs[0]
    assert isinstance(display, DisplayOutput)
    assert str(display.data["application/vnd.number+json"]) == "Json(text='1e400')"
    edited = with_cell(found.content, 0, metadata=cell.metadata | {"b": JsonText("2")})
    written = write(edited, blobs, data)
    assert written == data.replace(b'"b": 1,', b'"b": 2,')
    as_text = {"g": '"NaN"', "h": '["Infinity","-Infinity"]'}
    fresh = read(write(found.content, blobs, None), blobs).content.cells[0].metadata
    assert fresh == cell.metadata | as_text, "a new file is JSON"


def test_doubled_keys_stay_doubled() -> None:
    data, found, blobs = fixture("doubled_keys")
    (cell,) = found.content.cells
    assert (cell.cell_type, cell.source) == ("code", "second\nline")
    written = write(with_source(found.content, 0, "second\nother"), blobs, data)
    assert written == data.replace(b'"line"', b'"other"')
    metadata = {**found.content.metadata, "x": JsonText("5")}
    written = write(replace(found.content, metadata=metadata), blobs, data)
    assert written == data.replace(b'"x": 2', b'"x": 5')


def test_values_of_unexpected_types_are_kept() -> None:
    data, found, blobs = fixture("strange_types")
    cell = found.content.cells[0]
    assert cell.extra == {"execution_count": "1.5", "attachments": "null"}
    outputs = found.content.outcomes[cell.id].outputs
    assert isinstance(outputs[1], StreamOutput)
    assert outputs[1].extra == {"name": "3", "text": '[1,"a"]'}
    assert isinstance(outputs[5], ErrorOutput)
    assert outputs[5].extra == {"ename": "null", "evalue": "7", "traceback": '"one string"'}
    fresh = json.loads(write(found.content, blobs, None))
    assert fresh["cells"][0]["execution_count"] == 1.5
    assert fresh["cells"][0]["outputs"][5]["evalue"] == 7
    ran = replace(found.content, outcomes={cell.id: CellOutputs((), 2)})
    assert json.loads(write(ran, blobs, data))["cells"][0]["execution_count"] == 2


def test_keys_of_a_later_nbformat_are_kept() -> None:
    data, found, blobs = fixture("future")
    assert found.content.nbformat_minor == 99
    assert found.content.extra == {"theme": '{"dark":true}', "orig": '{"a":null}'}
    code, canvas, markdown = found.content.cells
    assert canvas.cell_type == "canvas"
    assert canvas.extra == {"strokes": "[[0,1],[2,3]]", "outputs": '["not really"]'}
    assert markdown.extra == {"execution_count": "7", "outputs": "[]"}
    hologram, stream = found.content.outcomes[code.id].outputs
    assert isinstance(hologram, UnknownOutput)
    assert (hologram.type, hologram.extra["depth"]) == ("hologram", "[1,2]")
    assert stream.extra == {"colour": '"red"'}
    assert write(found.content, blobs, None) == data


def test_attachments_are_bundles_with_whole_text() -> None:
    data, found, blobs = fixture("attachments")
    cell = found.content.cells[0]
    assert cell.attachments["b.svg"] == '{"image/svg+xml":"<svg>\\n</svg>"}'
    attachments = {**cell.attachments, "b.svg": JsonText('{"image/svg+xml":"<svg>\\n\\n</svg>"}')}
    written = write(with_cell(found.content, 0, attachments=attachments), blobs, data)
    assert diff(data, written)[1] == ['      "\\n",']
    del attachments["a.png"]
    written = write(with_cell(found.content, 0, attachments=attachments), blobs, data)
    assert list(json.loads(written)["cells"][0]["attachments"]) == ["b.svg", "odd"]


def test_changed_metadata_changes_its_own_lines() -> None:
    data, found, blobs = fixture("every_kind")
    cell = found.content.cells[2]
    metadata = {**cell.metadata, "tags": JsonText('["keep","new","é"]'), "a": JsonText("{}")}
    written = write(with_cell(found.content, 2, metadata=metadata), blobs, data)
    assert diff(data, written)[1] == ['    "a": {},', '     "new",']


def test_only_the_changed_output_is_rewritten() -> None:
    data, found, blobs = fixture("every_kind")
    cell = found.content.cells[1]
    outcome = found.content.outcomes[cell.id]
    first, second, third = outcome.outputs
    assert isinstance(first, StreamOutput)
    more = replace(first, chunks=("one\n", "two\r three\n", "four"))
    changed = replace(outcome, outputs=(more, second, third), execution_count=9)
    content = replace(found.content, outcomes={**found.content.outcomes, cell.id: changed})
    assert diff(data, write(content, blobs, data)) == (
        ['   "execution_count": 1,', '      " three\\n"'],
        ['   "execution_count": 9,', '      " three\\n",', '      "four"'],
    )
    fewer = replace(content, outcomes={cell.id: replace(outcome, outputs=(second, third))})
    assert diff(data, write(fewer, blobs, data))[1][:1] != ['    "name": "stderr",']


# ---------------------------------------------------------------- cells


def test_moved_and_deleted_cells_leave_the_others_as_they_are() -> None:
    data, found, blobs = fixture("every_kind")
    cells = found.content.cells
    moved = write(replace(found.content, cells=(*cells[1:], cells[0])), blobs, data)
    assert json.loads(moved)["cells"] == [
        *json.loads(data)["cells"][1:],
        json.loads(data)["cells"][0],
    ]
    assert moved.decode() == nbformat.writes(nbformat.reads(moved.decode(), as_version=4)) + "\n"
    fewer = write(replace(found.content, cells=cells[:1] + cells[2:]), blobs, data)
    assert diff(data, fewer)[1] == []
    none = write(replace(found.content, cells=()), blobs, data)
    assert json.loads(none)["cells"] == []
    assert write(found.content, blobs, none) == data


def test_a_retyped_cell_loses_its_outputs_and_gains_them_again() -> None:
    data, found, blobs = fixture("every_kind")
    as_text = with_cell(found.content, 1, cell_type="markdown")
    cell = json.loads(write(as_text, blobs, data))["cells"][1]
    assert cell.keys() == {"cell_type", "id", "metadata", "source"}
    as_code = with_cell(found.content, 0, cell_type="code")
    cell = json.loads(write(as_code, blobs, data))["cells"][0]
    assert (cell["outputs"], cell["execution_count"]) == ([], None)


def test_a_file_without_ids_does_not_gain_them() -> None:
    data, found, blobs = fixture("no_ids")
    assert found.repairs == ()
    assert found.made_ids == {cell.id for cell in found.content.cells}
    written = write(with_new_cell(found.content), blobs, data)
    assert b'"id"' not in written
    assert b'"id"' not in write(found.content, blobs, None)
    assert json.loads(written)["cells"][2:] == json.loads(data)["cells"][1:]


def test_a_file_without_ids_gains_them_with_its_new_minor() -> None:
    data, found, blobs = fixture("no_ids")
    written = write(replace(found.content, nbformat_minor=5), blobs, data)
    assert [cell["id"] for cell in json.loads(written)["cells"]] == [
        cell.id for cell in found.content.cells
    ]


def test_ids_in_an_old_nbformat_minor_are_used_and_kept() -> None:
    data, found, blobs = fixture("own_ids_in_4_4")
    assert [cell.id for cell in found.content.cells][:2] == ["intro", "a1"]
    written = write(with_source(found.content, 1, "x"), blobs, data)
    assert json.loads(written)["cells"][1]["id"] == "a1"


def test_duplicate_and_missing_ids_are_replaced_once_and_written_with_the_next_change() -> None:
    data, found, blobs = fixture("doubled_ids")
    names = [cell.id for cell in found.content.cells]
    assert names[0] == "same"
    assert names[2] == "other"
    assert len(set(names)) == 4
    assert found.repairs == (
        "cell 2 had the id of cell 1, 'same', and was given another",
        "cell 4 had the id of cell 1, 'same', and was given another",
    )
    again = read(write(with_source(found.content, 2, "c"), blobs, data), blobs)
    assert again.repairs == ()
    assert [cell.id for cell in again.content.cells] == names

    data, found, blobs = fixture("missing_ids")
    assert len(found.repairs) == 3
    assert write(found.content, blobs, data) == data
    written = write(with_source(found.content, 0, "a"), blobs, data)
    assert read(written, blobs).repairs == ()


def test_a_changed_cell_id_is_written() -> None:
    data, found, blobs = fixture("every_kind")
    written = write(with_cell(found.content, 0, id=CellId("other")), blobs, data)
    assert diff(data, written)[1] == ['   "id": "other",']


def test_a_generated_id_never_equals_an_id_of_the_file() -> None:
    data = (FIXTURES / "doubled_ids.ipynb").read_bytes()
    names = iter(["other", "same", "x", "other", "y"])
    content = ipynb.read(data, new_id=names.__next__, put_blob=Blobs().put).content
    assert [cell.id for cell in content.cells] == ["same", "x", "other", "y"]


def test_trust_is_never_read_from_a_file_and_stays_in_it() -> None:
    data, found, blobs = fixture("strange_types")
    assert found.content.cells[1].metadata == {"scrolled": "false"}
    assert found.trusted == frozenset()
    written = write(with_source(found.content, 1, "x"), blobs, data)
    assert json.loads(written)["cells"][1]["metadata"] == {"scrolled": False, "trusted": True}
    model = json.loads(data)
    sent = ipynb.from_model(model, new_id=ids(), put_blob=blobs.put)
    assert sent.trusted == {"s2"}


# ---------------------------------------------------------------- whole files


def test_an_empty_file_is_marked_as_a_new_notebook() -> None:
    data, found, blobs = fixture("empty")
    assert found.blank
    assert found.content.cells == ()
    assert found.repairs == ("the file was empty; it is opened as a new notebook",)
    assert write(found.content, blobs, data) == b""
    written = write(with_new_cell(found.content, 0), blobs, data)
    assert nbformat.validate(nbformat.reads(written.decode(), as_version=4)) is None


def test_an_old_notebook_becomes_nbformat_4_when_it_changes() -> None:
    data, found, blobs = fixture("version3")
    title, code = found.content.cells
    assert (title.cell_type, title.source, code.source) == ("markdown", "## A title", "print(1)\n2")
    assert [type(output) for output in found.content.outcomes[code.id].outputs] == [
        StreamOutput,
        DisplayOutput,
        ErrorOutput,
    ]
    assert len(found.repairs) == 1
    assert "nbformat 3" in found.repairs[0]
    written = write(with_source(found.content, 1, "3"), blobs, data)
    value = json.loads(written)
    assert (value["nbformat"], value["nbformat_minor"]) == (4, 5)
    assert value["metadata"] == {}
    assert nbformat.validate(nbformat.reads(written.decode(), as_version=4)) is None
    assert [cell.id for cell in read(written, blobs).content.cells] == [title.id, code.id]


def test_a_minor_that_is_missing_stays_missing() -> None:
    data, found, blobs = fixture("no_minor")
    assert found.content.nbformat_minor == 0
    assert b"nbformat_minor" not in write(with_source(found.content, 0, "x"), blobs, data)


def test_a_changed_nbformat_minor_changes_one_line() -> None:
    data, found, blobs = fixture("every_kind")
    written = write(replace(found.content, nbformat_minor=6), blobs, data)
    assert diff(data, written)[1] == [' "nbformat_minor": 6']


def test_a_template_that_is_not_a_notebook_is_ignored() -> None:
    _, found, blobs = fixture("every_kind")
    assert write(found.content, blobs, b"{") == write(found.content, blobs, None)


def test_invalid_json_metadata_does_not_prevent_saving() -> None:
    data, found, blobs = fixture("every_kind")
    bad = with_cell(found.content, 0, metadata={"bad": JsonText("{oh")})
    for like in (data, None):
        cell = json.loads(write(bad, blobs, like))["cells"][0]
        assert cell["metadata"] == {"bad": "{oh"}


def test_deep_values_are_written_on_one_line() -> None:
    deep = JsonText("[" * 480 + "]" * 480)
    data, found, blobs = fixture("every_kind")
    new = with_cell(found.content, 0, metadata={"deep": deep})
    for like in (data, None):
        written = write(new, blobs, like)
        assert read(written, blobs).content.cells[0].metadata == {"deep": deep}


# ---------------------------------------------------------------- large values


def test_large_values_are_blobs_and_come_back_in_their_own_form() -> None:
    data, found, blobs = fixture("large_outputs")
    content = found.content
    png, jpeg, odd, table, stream = content.outcomes[content.cells[0].id].outputs
    assert isinstance(png, DisplayOutput)
    assert isinstance(png.data["image/png"], Blob)
    assert png.data["image/png"].encoding == "base64"
    assert png.data["image/png"].size == 9000
    assert isinstance(jpeg, DisplayOutput)
    assert jpeg.data["image/jpeg"] == png.data["image/png"]
    assert isinstance(odd, DisplayOutput)
    assert {value.encoding for value in odd.data.values() if isinstance(value, Blob)} == {"utf-8"}
    assert isinstance(table, DisplayOutput)
    assert {
        key: value.encoding for key, value in table.data.items() if isinstance(value, Blob)
    } == {
        "text/html": "utf-8",
        "application/json": "json",
        "image/svg+xml": "utf-8",
    }
    assert isinstance(stream, StreamOutput)
    assert isinstance(stream.chunks[0], Blob)
    written = write(with_source(content, 0, "plot(2)"), blobs, data)
    assert diff(data, written) == (['    "plot()"'], ['    "plot(2)"'])
    notebook = nbformat.reads(data.decode(), as_version=4)
    fresh = nbformat.reads(write(content, blobs, None).decode(), as_version=4)
    jpeg_text = notebook.cells[0].outputs[1].data["image/jpeg"]
    notebook.cells[0].outputs[1].data["image/jpeg"] = jpeg_text.replace("\n", "")
    assert fresh == notebook


# ---------------------------------------------------------------- models


@pytest.mark.parametrize("name", ["every_kind", "no_ids", "unicode", "future"])
def test_a_model_is_what_jupyter_reads_from_the_file(name: str) -> None:
    data, found, blobs = fixture(name)
    model = ipynb.to_model(found.content, get_blob=blobs.get)
    assert model == nbformat.reads(data.decode(), as_version=4)


def test_a_model_of_numbers_is_plain_json() -> None:
    _, found, blobs = fixture("numbers")
    model: Any = ipynb.to_model(found.content, get_blob=blobs.get)
    metadata = model["cells"][0]["metadata"]
    assert metadata["e"] == float("inf")
    assert metadata["i"] == 18446744073709551617
    assert metadata["m"] == float("inf")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("nbformat_minor", -1, "not -1;"),
        ("nbformat_minor", "x", "type str"),
        ("nbformat", 4.0, "4.0"),
    ],
)
def test_an_invalid_nbformat_version_is_named_in_the_error(
    key: str, value: object, said: str
) -> None:
    whole = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | {key: value}
    with pytest.raises(NotebookError, match=said):
        read(json.dumps(whole).encode(), Blobs())
