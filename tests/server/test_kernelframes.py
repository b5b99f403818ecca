"""Parsing of messages on a kernel's WebSocket, including arbitrary bytes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)

from jupyter_runtimed.host.kernels.wire import is_of_output_widgets
from jupyter_runtimed.room.events import User
from jupyter_runtimed.server.kernels.open_websockets import KernelSockets
from jupyter_runtimed.server.kernels.ws_messages import (
    CellRequest,
    MessageHeader,
    execute_request,
    iopub_message,
    message_header,
    says_idle,
)

HEADER = {"msg_id": "m", "msg_type": "execute_request", "session": "s"}
CONTENT = {"code": "1", "silent": False}


def legacy(**changed: Any) -> str:
    parts = {"header": HEADER, "metadata": {"cellId": "c"}, "content": CONTENT, **changed}
    return json.dumps({"channel": "shell", "parent_header": {}, **parts})


def v1(**changed: Any) -> bytes:
    whole = json.loads(legacy(**changed))
    names = ("header", "parent_header", "metadata", "content")
    return serialize_msg_to_ws_v1([json.dumps(whole[name]).encode() for name in names], "shell")


@pytest.mark.parametrize("form", [legacy, v1])
def test_an_execute_request_with_a_cell_id_is_recognised(form: Any) -> None:
    assert execute_request(form()) == CellRequest("m", "c", "1")


@pytest.mark.parametrize("form", [legacy, v1])
@pytest.mark.parametrize(
    "changed",
    [
        {"metadata": {}},
        {"metadata": {"cellId": None}},
        {"metadata": "cellId"},
        {"header": {**HEADER, "msg_type": "inspect_request"}},
        {"header": {**HEADER, "msg_id": ""}},
        {"header": []},
        {"content": {"code": 1, "silent": False}},
        {"content": {"code": "1", "silent": True}},
        {"content": None},
    ],
)
def test_a_request_that_runs_no_cell_is_ignored(form: Any, changed: dict[str, Any]) -> None:
    assert execute_request(form(**changed)) is None


@pytest.mark.parametrize("rubbish", ["cellId", "", "[]cellId", b"cellId", b"", b"\xff" * 40, None])
def test_arbitrary_bytes_are_ignored(rubbish: Any) -> None:
    assert execute_request(rubbish) is None
    assert message_header(rubbish) == MessageHeader()


@pytest.mark.parametrize("is_v1", [True, False])
def test_a_widget_state_message_looks_like_the_kernels_own(is_v1: bool) -> None:
    data = iopub_message("comm_msg", {"comm_id": "w", "data": {}}, session="kernel", v1=is_v1)
    if isinstance(data, bytes):
        channel, parts = deserialize_msg_from_ws_v1(data)
        header, content = json.loads(parts[0]), json.loads(parts[3])
    else:
        whole = json.loads(data)
        channel, header, content = whole["channel"], whole["header"], whole["content"]
    assert (channel, header["msg_type"], header["session"]) == ("iopub", "comm_msg", "kernel")
    assert content["comm_id"] == "w"


@pytest.mark.parametrize("state", ["idle", "busy", None])
def test_a_status_says_idle_in_both_forms(state: str | None) -> None:
    content = json.dumps({"execution_state": state})
    parts = [b"client", b"<IDS|MSG>", b"", b"{}", b"{}", b"{}", content.encode()]
    assert says_idle(parts) == (state == "idle")
    assert says_idle(json.dumps({"content": json.loads(content)})) == (state == "idle")
    assert not says_idle(parts[:-1])


@pytest.mark.parametrize(
    ("kind", "content", "wanted"),
    [
        ("comm_open", b'{"data": {"state": {"_model_name": "OutputModel"}}}', True),
        ("comm_open", b'{"data": {"state": {"_model_name": "SliderModel"}}}', False),
        ("comm_msg", b'{"data": {"state": {"msg_id": "m"}}}', True),
        ("comm_msg", b'{"data": {"state": {"outputs": []}}}', True),
        ("comm_msg", b'{"data": {"state": {"value": 3}}}', False),
        ("comm_close", b"{}", True),
        ("stream", b"{}", True),
    ],
)
def test_only_messages_of_output_widgets_are_decoded(
    kind: str, content: bytes, wanted: bool
) -> None:
    assert is_of_output_widgets(kind, content) is wanted


class Page:
    def __init__(self, kernel_id: str) -> None:
        self.kernel_id = kernel_id
        self.shown: list[Any] = []
        self.notified = asyncio.Event()

    def show_widget(self, content: dict[str, Any]) -> int:
        self.shown.append(content["data"]["state"]["outputs"])
        self.notified.set()
        return 1


async def test_pages_on_a_kernel_get_the_newest_widget_state() -> None:
    sockets = KernelSockets(
        running=lambda *_: "",
        is_run=lambda _: False,
        overheard=lambda *_: False,
        path_of=lambda _: "",
    )
    here, elsewhere, left = Page("k"), Page("other"), Page("k")
    for page in (here, elsewhere, left, here):
        sockets.add(page)
    sockets.discard(left)
    sockets.show_widget("k", "w", [{"text": "1"}])
    sockets.show_widget("k", "w", [{"text": "12"}])
    await here.notified.wait()
    assert here.shown == [[{"text": "12"}]]
    assert elsewhere.shown == left.shown == []


@pytest.mark.parametrize(
    ("page", "shown", "needs_it"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
)
def test_the_requesting_client_gets_the_output_unless_its_page_shows_the_room(
    page: bool, shown: bool, needs_it: bool
) -> None:
    sockets = KernelSockets(
        is_run=lambda _: True,
        overheard=lambda *_: shown,
        path_of=lambda _: "",
        running=lambda *_: "",
    )
    request = CellRequest("m", "c", "1")
    assert sockets.overhear("k", request, User("ana", "Ana"), page=page) is needs_it
