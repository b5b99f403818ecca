"""A link to a real kernel: all messages arrive in order, also after faults."""

import asyncio

import pytest

from jupyter_runtimed.errors import KernelDead, KernelError
from jupyter_runtimed.execution.messages import KernelMessage
from jupyter_runtimed.host.kernels import ClientLink, KernelLink
from jupyter_runtimed.host.kernels.batching import FLOOD_CHARS, FLOOD_SECONDS, Batch
from jupyter_runtimed.host.kernels.port import wanted_by_rooms
from jupyter_runtimed.host.kernels.wire import Wire

from .kernels import RealKernel, ReceivedMessages

pytestmark = pytest.mark.kernel


def over_a_client(manager):
    return ClientLink(manager.client(), "python3")


@pytest.fixture(params=[None, over_a_client], ids=["zmq", "client"])
async def either(request):
    kernel = await RealKernel.start(request.param)
    yield kernel
    await kernel.close()


@pytest.fixture
async def kernel():
    kernel = await RealKernel.start()
    yield kernel
    await kernel.close()


async def test_all_messages_of_a_run_arrive(either):
    run = await either.run("print('hello'); 1 + 1")
    mine = either.received.of(run)
    assert [message.type for message in mine if message.channel == "iopub"] == [
        "status",
        "execute_input",
        "stream",
        "execute_result",
        "status",
    ]
    assert either.received.text(run) == "hello\n"


async def test_the_kernel_receives_the_cell_id(either):
    run = await either.run(
        "print(get_ipython().kernel.get_parent('shell')['metadata'].get('cellId'))"
    )
    assert either.received.text(run) == "cell\n"


async def test_an_input_request_is_answered(kernel):
    run = kernel.execute("print('<' + input('who? ') + '>')")
    await kernel.received.until(
        lambda: any(m.type == "input_request" for m in kernel.received.of(run))
    )
    kernel.link.reply_input("ana")
    await kernel.received.finish(run)
    assert kernel.received.text(run) == "<ana>\n"


async def test_an_interrupted_run_ends(either):
    run = either.execute("print('on'); import time; time.sleep(1000)")
    await either.received.until(lambda: either.received.text(run) == "on\n")
    await either.manager.interrupt_kernel()
    reply = await either.received.finish(run)
    assert reply["ename"] == "KeyboardInterrupt"


async def test_a_hundred_thousand_lines_arrive(kernel):
    run = await kernel.run("for i in range(100_000): print(i)")
    assert kernel.received.text(run) == "".join(f"{i}\n" for i in range(100_000))


async def test_ten_thousand_flushed_prints_arrive_in_few_batches(kernel):
    run = await kernel.run("for i in range(10_000): print(i, flush=True)")
    assert kernel.received.text(run) == "".join(f"{i}\n" for i in range(10_000))
    assert len(kernel.received.batches) < 1000


async def test_output_and_errors_keep_their_order(kernel):
    run = await kernel.run(
        "import sys\n"
        "for i in range(100):\n"
        "    print(i, flush=True)\n"
        "    print(i, file=sys.stderr, flush=True)"
    )
    text = "".join(m.content["text"] for m in kernel.received.of(run) if m.type == "stream")
    assert text == "".join(f"{i}\n{i}\n" for i in range(100))


async def test_a_blocked_event_loop_loses_no_message(kernel):
    run = kernel.execute("for i in range(20_000): print(i, flush=True)")
    await kernel.received.until(lambda: kernel.received.text(run))
    blocked = asyncio.get_running_loop().time() + 1.0
    while asyncio.get_running_loop().time() < blocked:
        pass
    await kernel.received.finish(run)
    assert kernel.received.text(run) == "".join(f"{i}\n" for i in range(20_000))


async def test_ten_megabytes_in_one_piece_arrive(kernel):
    run = await kernel.run("'x' * 10_000_000")
    result = next(m for m in kernel.received.of(run) if m.type == "execute_result")
    assert len(result.content["data"]["text/plain"]) == 10_000_002


async def test_a_kernel_link_works_after_a_restart(kernel):
    await kernel.run("a = 1")
    await kernel.manager.restart_kernel(now=True)
    kernel.link.restarted(kernel.manager.get_connection_info())
    assert await kernel.link.ready() == "idle"
    run = await kernel.run("print('a' in globals())")
    assert kernel.received.text(run) == "False\n"


async def test_the_old_process_is_not_mistaken_for_the_new_one(kernel):
    await kernel.run("a = 1")
    kernel.link.restarted()
    waiting = asyncio.create_task(kernel.link.ready())
    await kernel.manager.restart_kernel()
    assert await waiting == "idle"
    run = await kernel.run("print('a' in globals())")
    assert kernel.received.text(run) == "False\n"


async def test_requests_to_a_dead_kernel_are_not_run_by_the_next_one(kernel):
    kernel.execute("import os; os._exit(1)")
    await kernel.manager.provisioner.wait()
    kernel.execute("print('from the other life')")
    await kernel.manager.restart_kernel(now=True)
    kernel.link.restarted()
    await kernel.link.ready()
    await kernel.run("1")
    texts = [m.content["text"] for m in kernel.received.messages if m.type == "stream"]
    assert "from the other life" not in "".join(texts)


async def test_a_busy_kernel_is_joined_without_waiting_for_it(kernel):
    run = kernel.execute("print('on'); input()")
    await kernel.received.until(lambda: kernel.received.text(run) == "on\n")
    other, heard = KernelLink(kernel.manager.get_connection_info()), ReceivedMessages()
    other.start(heard)
    assert await other.ready() == "busy"
    kernel.link.reply_input("")
    await kernel.received.finish(run)
    # A kernel that only started slowly would give no other sign.
    await heard.until(lambda: any(m.type == "kernel_info_reply" for m in heard.messages))
    await other.close()


async def test_ipykernel_gets_a_higher_limit_of_unread_messages(kernel):
    code = "print(get_ipython().kernel.iopub_thread.socket.get(23))"
    run = await kernel.run(code)
    assert kernel.received.text(run) == "100000\n"
    count = next(m for m in kernel.received.of(run) if m.type == "execute_input")
    assert count.content["execution_count"] == 1


async def test_widget_messages_are_not_delivered(kernel):
    run = await kernel.run(
        "from comm import create_comm\nc = create_comm('x', data={'big': 'y' * 1000})\nprint(1)"
    )
    assert kernel.received.text(run) == "1\n"
    assert not any(m.type.startswith("comm_") for m in kernel.received.messages)


async def test_messages_of_other_clients_are_delivered(kernel):
    other = kernel.manager.client()
    other.start_channels()
    message_id = other.execute("print('from a console')")
    await kernel.received.until(lambda: kernel.received.text(message_id))
    other.stop_channels()


async def test_a_missing_kernel_is_reported(unused_tcp_port_factory):
    ports = {f"{c}_port": unused_tcp_port_factory() for c in ("iopub", "shell", "control", "stdin")}
    info = {"transport": "tcp", "ip": "127.0.0.1", "key": b"k", **ports}
    link = KernelLink(info)
    link.start(ReceivedMessages())
    with pytest.raises(KernelError, match=r"did not answer.*restart it"):
        await link.ready(timeout_seconds=0.2)
    waiting = asyncio.create_task(link.ready())
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(KernelDead):
        await waiting


async def test_messages_with_a_wrong_signature_are_dropped(kernel, caplog):
    info = {**kernel.manager.get_connection_info(), "key": b"another"}
    received = ReceivedMessages()
    link = KernelLink(info)
    link.start(received)
    while "Dropped an invalid message" not in caplog.text:
        await kernel.run("for i in range(3): print(i, flush=True)")
    await link.close()
    assert received.messages == []
    assert caplog.text.count("Dropped an invalid message") == 1


def kernel_message(kind, text="", channel="iopub", parent="r"):
    return KernelMessage(channel, kind, parent, "m", {"name": "stdout", "text": text})


def test_text_of_one_stream_becomes_one_message():
    batch = Batch()
    batch.add(kernel_message("stream", "a"), 0.0)
    batch.add(kernel_message("stream", "b"), 0.0)
    batch.add(kernel_message("stream", "c", parent="other"), 0.0)
    assert [m.content["text"] for m in batch.take(0.0)] == ["ab", "c"]


def test_the_first_message_is_delivered_at_once_and_the_next_are_batched():
    batch = Batch()
    assert batch.due(1.0) is None
    batch.add(kernel_message("stream", "a"), 1.0)
    assert batch.due(1.0) == 0.0
    batch.take(1.0)
    batch.add(kernel_message("stream", "b"), 1.01)
    assert batch.due(1.01) == pytest.approx(0.04)
    batch.add(kernel_message("status"), 1.02)
    assert batch.due(1.02) == 0.0


def test_a_flood_of_text_is_delivered_less_often_except_its_end():
    batch = Batch()
    batch.take(1.0)
    batch.add(kernel_message("stream", "x" * FLOOD_CHARS), 1.01)
    assert batch.due(1.01) == pytest.approx(FLOOD_SECONDS - 0.01)
    batch.add(kernel_message("status"), 1.02)
    assert batch.due(1.02) == 0.0
    batch.take(1.02)
    batch.add(kernel_message("stream", "x"), 1.02)
    assert batch.due(1.02) == pytest.approx(0.05)


def test_an_input_request_comes_after_earlier_output():
    batch = Batch()
    batch.add(kernel_message("input_request", channel="stdin"), 0.0)
    batch.add(kernel_message("stream", "printed before"), 0.02)
    assert [m.type for m in batch.take(0.02)] == ["stream"]
    assert batch.due(0.02) == pytest.approx(0.03)
    assert batch.take(0.04) == []
    assert [m.type for m in batch.take(0.06)] == ["input_request"]


def test_an_input_request_is_delivered_during_continuous_output():
    batch = Batch()
    batch.add(kernel_message("input_request", channel="stdin"), 0.0)
    taken = []
    for step in range(100):
        batch.add(kernel_message("stream", "."), step / 100)
        taken += batch.take(step / 100)
    assert "input_request" in [m.type for m in taken]


WIRE = Wire(b"key", "hmac-sha256")


def test_a_wire_message_is_decoded_as_it_was_encoded():
    parts = WIRE.write("execute_request", {"code": "1"}, message_id="m", metadata={"cellId": "c"})
    message = WIRE.read("shell", parts, wanted_by_rooms)
    assert (message.type, message.msg_id, message.content) == (
        "execute_request",
        "m",
        {"code": "1"},
    )
    assert message.metadata["cellId"] == "c"


@pytest.mark.parametrize("place", range(2, 6))
@pytest.mark.parametrize("bad", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"1" * 10_000, b"null"])
def test_an_invalid_wire_message_is_refused(place, bad):
    parts = WIRE.write("status", {"execution_state": "idle"})
    parts[place] = bad
    with pytest.raises(ValueError, match="not a message of this kernel"):
        WIRE.read("iopub", parts, wanted_by_rooms)


@pytest.mark.parametrize("count", range(6))
def test_a_message_with_parts_missing_is_refused(count):
    parts = WIRE.write("status", {"execution_state": "idle"})[:count]
    with pytest.raises(ValueError, match="not a message of this kernel"):
        WIRE.read("iopub", parts, wanted_by_rooms)
