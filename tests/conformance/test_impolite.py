"""A kernel without manners, over real sockets: the run ends, the room lives, it is said once."""

from __future__ import annotations

import logging

import pytest

from jupyter_runtimed.document.content import Blob, Display, ErrorOutput, Stream

from ..host.conftest import Place
from .conftest import seat

pytestmark = pytest.mark.kernel

MEGABYTE = 1 << 20


async def test_an_ordinary_run(scripted: Place) -> None:
    table = await seat(scripted, "busy(); began(3); printed('hi'); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "hi"
    assert table.person.run_of("c0").execution_count == 3


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
    "data holds what is not JSON": f"raw('display_data', {NAN!r})",
    "there is no display_id": "show('x', kind='update_display_data')",
    "wait is not true or false": "say('clear_output', wait=[])",
}


def badly(bad: str) -> str:
    return f"busy()\nfor _ in range(3): {bad}\nprinted('still here'); reply(); idle()"


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_is_no_message_of_this_kernel_is_dropped_and_said_once(
    scripted: Place, caplog: pytest.LogCaptureFixture
) -> None:
    cells = [f"c{n}" for n in range(len(NO_MESSAGES))]
    table = await seat(scripted, *map(badly, NO_MESSAGES))
    assert await table.run(*cells) == ["ok"] * len(cells)
    assert {table.shown(cell) for cell in cells} == {"still here"}
    (said,) = complaints(caplog)
    assert "not a message of this kernel" in said


async def test_what_makes_no_sense_is_said_once_each_and_runs_live_on(
    scripted: Place, caplog: pytest.LogCaptureFixture
) -> None:
    cells = [f"c{n}" for n in range(len(NO_CONTENT))]
    table = await seat(scripted, *map(badly, NO_CONTENT.values()))
    assert await table.run(*cells) == ["ok"] * len(cells)
    assert all(table.shown(cell).endswith("still here") for cell in cells)
    said = complaints(caplog)
    assert len(said) == len(NO_CONTENT)
    assert all(what in line for what, line in zip(NO_CONTENT, said, strict=True))


async def test_bytes_that_are_no_utf_8_are_shown_as_such(scripted: Place) -> None:
    content = b'{"name": "stdout", "text": "<\xff\xfe>"}'
    table = await seat(scripted, f"busy(); raw('stream', {content!r}); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "<\ufffd\ufffd>"


async def test_nan_is_null_in_what_everybody_reads(scripted: Place) -> None:
    content = b'{"data": {"application/json": {"a": [NaN, Infinity, 1]}}, "metadata": {}}'
    table = await seat(scripted, f"busy(); raw('display_data', {content!r}); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    (shown,) = table.outputs("c0")
    assert isinstance(shown, Display)
    assert shown.data["application/json"].text == '{"a":[null,null,1]}'


async def test_fifty_megabytes_of_text_in_one_bundle_are_one_reference(scripted: Place) -> None:
    table = await seat(scripted, f"busy(); show('x' * {50 * MEGABYTE}); reply(); idle()")
    assert await table.run("c0") == ["ok"]
    (shown,) = table.outputs("c0")
    assert isinstance(shown, Display)
    value = shown.data["text/plain"]
    assert isinstance(value, Blob)
    assert value.size == 50 * MEGABYTE
    assert sum(map(len, table.person.sent_bytes)) < MEGABYTE


async def test_a_traceback_that_is_not_a_list_is_shown_as_far_as_it_can_be(scripted: Place) -> None:
    table = await seat(
        scripted,
        "busy(); say('error', ename='E', evalue=['v'], traceback='text'); reply('error'); idle()",
    )
    assert await table.run("c0") == ["error"]
    (shown,) = table.outputs("c0")
    assert shown == ErrorOutput(shown.id, "E", "v", ("text",))


async def test_comm_messages_to_nobody_concern_no_run(scripted: Place) -> None:
    table = await seat(
        scripted,
        "busy(); say('comm_msg', comm_id='?', data={'x': 1}); say('comm_close', comm_id='?');"
        "say('comm_open', comm_id='!', target_name='?', data={}); printed('on'); reply(); idle()",
    )
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "on"


class TestLostAndLate:
    async def test_a_reply_that_never_comes(self, scripted: Place) -> None:
        table = await seat(scripted, "busy(); printed('x'); idle()", "busy(); reply(); idle()")
        assert await table.run("c0", "c1") == ["ok", "ok"]

    async def test_idle_that_never_comes(self, scripted: Place) -> None:
        table = await seat(scripted, "busy(); printed('x'); reply()", "busy(); reply(); idle()")
        assert await table.run("c0", "c1") == ["ok", "ok"]
        assert table.runtime.kernel.state == "idle"

    async def test_output_after_the_end_and_of_two_runs_mixed(self, scripted: Place) -> None:
        table = await seat(
            scripted,
            "busy(); printed('a1 '); show('a2', 'id'); idle(); reply()",
            "busy(); printed('b1 '); printed('a3', parent=asked[0]); printed('b2');"
            "show('changed', 'id', 'update_display_data'); show('early', 'no', "
            "'update_display_data'); idle(); reply()",
        )
        assert await table.run("c0", "c1") == ["ok", "ok"]
        await table.person.until(lambda: table.shown("c0") == "a1 changeda3")
        assert table.shown("c1") == "b1 b2"

    async def test_ends_of_other_runs_end_nothing(self, scripted: Place) -> None:
        table = await seat(
            scripted,
            "busy(); reply(); idle()",
            "busy(); reply('error', parent=asked[0]); idle(parent=asked[0])\n"
            "idle(parent={'msg_id': 'x'}); printed('on' + ask('?')); reply(); idle()",
        )
        assert await table.run("c0") == ["ok"]
        await table.person.call("run", cells=["c1"])
        await table.person.until(lambda: table.person.run_of("c1").prompt is not None)
        assert table.state("c1") == "running"
        await table.person.call("answer", prompt=table.person.run_of("c1").prompt.id, text="!")
        assert (await table.person.finished("c1")).state == "ok"
        assert table.shown("c1") == "? !\non!"


async def test_a_new_process_changes_nothing_that_the_former_showed(scripted: Place) -> None:
    table = await seat(
        scripted,
        "busy(); show('of the first', 'id'); reply(); idle()",
        "busy(); show('no', 'id', 'update_display_data'); show('second', 'id'); reply(); idle()",
    )
    assert await table.run("c0") == ["ok"]
    assert (await table.person.call("restart")).error is None
    assert await table.run("c1") == ["ok"]
    assert (table.shown("c0"), table.shown("c1")) == ("of the first", "second")


async def test_streams_are_in_the_order_in_which_they_were_sent(scripted: Place) -> None:
    code = "busy()\nfor n in range(200): printed(f'{n} ', ['stdout', 'stderr'][n // 3 % 2])\n"
    table = await seat(scripted, code + "reply(); idle()")
    assert await table.run("c0") == ["ok"]
    assert table.shown("c0") == "".join(f"{n} " for n in range(200))
    names = [output.name for output in table.outputs("c0") if isinstance(output, Stream)]
    assert names == ["stdout", "stderr"] * 33 + ["stdout"]
