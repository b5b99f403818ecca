"""A kernel with invalid messages, over real sockets: the run ends, the room works, one warning."""

from __future__ import annotations

import logging

import pytest

from jupyter_runtimed.document.content import Blob, DisplayOutput, ErrorOutput, StreamOutput

from ..host.conftest import Place
from .conftest import open_in_room

pytestmark = pytest.mark.kernel

MEGABYTE = 1 << 20


async def test_an_ordinary_run_of_the_scripted_kernel_succeeds(scripted: Place) -> None:
    table = await open_in_room(scripted, "busy(); began(3); printed('hi'); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "hi"
    assert table.client.run_of("c0").execution_count == 3


NO_MESSAGES = (
    "forged('stream', name='stdout', text='forged')",
    "parts([b'<IDS|MSG>', b'', b'{}'])",
    "parts([b'nothing at all'])",
    "raw('stream', b'{')",
    "raw('stream', b'[' * 100_000)",
)
NAN = b'{"data": {"application/json": NaN}, "metadata": {}}'
NO_CONTENT = {
    "traceback is not a list": "say('error', ename='E', evalue='v', traceback='text')",
    "display_id is not text": "show('x', display_id={'an': 'object'})",
    "data is not an object": "say('display_data', data=[1], metadata={})",
    "text is not text": "say('stream', name='stdout', text={'no': 1})",
    "data holds a value that is not JSON": f"raw('display_data', {NAN!r})",
    "display_id is missing": "show('x', kind='update_display_data')",
    "wait is not true or false": "say('clear_output', wait=[])",
}


def badly(bad: str) -> str:
    return f"busy()\nfor _ in range(3): {bad}\nprinted('still here'); reply(); idle()"


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_message_that_is_not_from_this_kernel_is_dropped_with_one_warning(
    scripted: Place, caplog: pytest.LogCaptureFixture
) -> None:
    cells = [f"c{n}" for n in range(len(NO_MESSAGES))]
    table = await open_in_room(scripted, *map(badly, NO_MESSAGES))
    assert await table.run(*cells) == ["ok"] * len(cells)
    assert {table.shown(cell) for cell in cells} == {"still here"}
    (said,) = complaints(caplog)
    assert "not a message of this kernel" in said


async def test_invalid_messages_give_one_warning_each_and_runs_continue(
    scripted: Place, caplog: pytest.LogCaptureFixture
) -> None:
    cells = [f"c{n}" for n in range(len(NO_CONTENT))]
    table = await open_in_room(scripted, *map(badly, NO_CONTENT.values()))
    assert await table.run(*cells) == ["ok"] * len(cells)
    assert all(table.shown(cell).endswith("still here") for cell in cells)
    said = complaints(caplog)
    assert len(said) == len(NO_CONTENT)
    assert all(what in line for what, line in zip(NO_CONTENT, said, strict=True))


async def test_bytes_that_are_not_utf_8_are_shown_with_replacement_characters(
    scripted: Place,
) -> None:
    content = b'{"name": "stdout", "text": "<\xff\xfe>"}'
    table = await open_in_room(scripted, f"busy(); raw('stream', {content!r}); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "<\ufffd\ufffd>"


async def test_nan_in_json_output_becomes_null_for_readers(scripted: Place) -> None:
    content = b'{"data": {"application/json": {"a": [NaN, Infinity, 1]}}, "metadata": {}}'
    table = await open_in_room(
        scripted, f"busy(); raw('display_data', {content!r}); reply(); idle()"
    )
    assert await table.run("c0") == ["ok"]
    (shown,) = table.outputs("c0")
    assert isinstance(shown, DisplayOutput)
    assert shown.data["application/json"].text == '{"a":[null,null,1]}'


async def test_fifty_megabytes_of_text_in_one_bundle_are_one_reference(scripted: Place) -> None:
    table = await open_in_room(scripted, f"busy(); show('x' * {50 * MEGABYTE}); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    (shown,) = table.outputs("c0")
    assert isinstance(shown, DisplayOutput)
    value = shown.data["text/plain"]
    assert isinstance(value, Blob)
    assert value.size == 50 * MEGABYTE
    assert sum(map(len, table.client.sent_bytes)) < MEGABYTE


async def test_a_traceback_that_is_not_a_list_is_shown_as_far_as_it_can_be(scripted: Place) -> None:
    table = await open_in_room(
        scripted,
        "busy(); say('error', ename='E', evalue=['v'], traceback='text'); reply('error'); idle()",
    )
    assert await table.run("c0") == ["error"]
    (shown,) = table.outputs("c0")
    assert shown == ErrorOutput(shown.id, "E", "v", ("text",))


async def test_comm_messages_for_unknown_comms_do_not_affect_the_run(scripted: Place) -> None:
    table = await open_in_room(
        scripted,
        "busy(); say('comm_msg', comm_id='?', data={'x': 1}); say('comm_close', comm_id='?');"
        "say('comm_open', comm_id='!', target_name='?', data={}); printed('on'); reply(); idle()",
    )
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "on"


class TestLostAndLate:
    async def test_a_missing_reply_does_not_keep_the_run_open(self, scripted: Place) -> None:
        table = await open_in_room(
            scripted, "busy(); printed('x'); idle()", "busy(); reply(); idle()"
        )
        assert await table.run("c0", "c1") == ["ok", "ok"]

    async def test_a_missing_idle_does_not_keep_the_run_open(self, scripted: Place) -> None:
        table = await open_in_room(
            scripted, "busy(); printed('x'); reply()", "busy(); reply(); idle()"
        )
        assert await table.run("c0", "c1") == ["ok", "ok"]
        assert table.runtime.kernel.state == "idle"

    async def test_late_and_mixed_output_goes_to_its_own_run(self, scripted: Place) -> None:
        table = await open_in_room(
            scripted,
            "busy(); printed('a1 '); show('a2', 'id'); idle(); reply()",
            "busy(); printed('b1 '); printed('a3', parent=asked[0]); printed('b2');"
            "show('changed', 'id', 'update_display_data'); show('early', 'no', "
            "'update_display_data'); idle(); reply()",
        )
        assert await table.run("c0", "c1") == ["ok", "ok"]
        await table.client.until(lambda: table.shown("c0") == "a1 changeda3")
        assert table.shown("c1") == "b1 b2"

    async def test_the_end_of_another_run_does_not_end_this_run(self, scripted: Place) -> None:
        table = await open_in_room(
            scripted,
            "busy(); reply(); idle()",
            "busy(); reply('error', parent=asked[0]); idle(parent=asked[0])\n"
            "idle(parent={'msg_id': 'x'}); printed('on' + ask('?')); reply(); idle()",
        )
        assert await table.run("c0") == ["ok"]
        await table.client.call("run", cells=["c1"])
        await table.client.until(lambda: table.client.run_of("c1").prompt is not None)
        assert table.state("c1") == "running"
        await table.client.call("answer", prompt=table.client.run_of("c1").prompt.id, text="!")
        assert (await table.client.finished("c1")).state == "ok"
        assert table.shown("c1") == "? !\non!"


async def test_a_new_kernel_process_does_not_update_displays_of_the_previous_one(
    scripted: Place,
) -> None:
    table = await open_in_room(
        scripted,
        "busy(); show('of the first', 'id'); reply(); idle()",
        "busy(); show('no', 'id', 'update_display_data'); show('second', 'id'); reply(); idle()",
    )
    assert await table.run("c0") == ["ok"]
    assert (await table.client.call("restart")).error is None
    assert await table.run("c1") == ["ok"]
    assert (table.shown("c0"), table.shown("c1")) == ("of the first", "second")


async def test_streams_are_in_the_order_in_which_they_were_sent(scripted: Place) -> None:
    code = "busy()\nfor n in range(200): printed(f'{n} ', ['stdout', 'stderr'][n // 3 % 2])\n"
    table = await open_in_room(scripted, code + "reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "".join(f"{n} " for n in range(200))
    names = [output.name for output in table.outputs("c0") if isinstance(output, StreamOutput)]
    assert names == ["stdout", "stderr"] * 33 + ["stdout"]
