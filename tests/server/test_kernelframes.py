"""Messages on a kernel's socket are read as they come, and nothing a client sends breaks that."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)

from jupyter_runtimed.host.kernel_wire import is_of_output_widgets
from jupyter_runtimed.room.events import User
from jupyter_runtimed.server.kernelframes import (
    About,
    CellRequest,
    about,
    comm_message,
    execute_request,
)
from jupyter_runtimed.server.kernelsockets import KernelSockets

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
def test_a_request_to_run_a_cell(form: Any) -> None:
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
def test_what_is_none(form: Any, changed: dict[str, Any]) -> None:
    assert execute_request(form(**changed)) is None


@pytest.mark.parametrize("rubbish", ["cellId", "", "[]cellId", b"cellId", b"", b"\xff" * 40, None])
def test_rubbish_is_none(rubbish: Any) -> None:
    assert execute_request(rubbish) is None
    assert about(rubbish) == About()


@pytest.mark.parametrize("is_v1", [True, False])
def test_a_widgets_state_looks_as_if_the_kernel_had_told_it(is_v1: bool) -> None:
    data = comm_message({"comm_id": "w", "data": {}}, session="kernel", v1=is_v1)
    if isinstance(data, bytes):
        channel, parts = deserialize_msg_from_ws_v1(data)
        header, content = json.loads(parts[0]), json.loads(parts[3])
    else:
        whole = json.loads(data)
        channel, header, content = whole["channel"], whole["header"], whole["content"]
    assert (channel, header["msg_type"], header["session"]) == ("iopub", "comm_msg", "kernel")
    assert content["comm_id"] == "w"


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
def test_only_what_output_widgets_say_is_decoded(kind: str, content: bytes, wanted: bool) -> None:
    assert is_of_output_widgets(kind, content) is wanted


class Page:
    def __init__(self, kernel_id: str) -> None:
        self.kernel_id = kernel_id
        self.shown: list[Any] = []
        self.told = asyncio.Event()

    def show_widget(self, content: dict[str, Any]) -> int:
        self.shown.append(content["data"]["state"]["outputs"])
        self.told.set()
        return 1


async def test_pages_at_a_kernel_are_shown_the_newest() -> None:
    sockets = KernelSockets(is_run=lambda _: False, overheard=lambda *_: False)
    here, elsewhere, left = Page("k"), Page("other"), Page("k")
    for page in (here, elsewhere, left, here):
        sockets.add(page)
    sockets.discard(left)
    sockets.show_widget("k", "w", [{"text": "1"}])
    sockets.show_widget("k", "w", [{"text": "12"}])
    await here.told.wait()
    assert here.shown == [[{"text": "12"}]]
    assert elsewhere.shown == left.shown == []


@pytest.mark.parametrize(
    ("page", "shown", "needs_it"),
    [(True, True, False), (True, False, True), (False, True, True), (False, False, True)],
)
def test_who_asked_gets_the_output_unless_its_page_shows_the_room(
    page: bool, shown: bool, needs_it: bool
) -> None:
    sockets = KernelSockets(is_run=lambda _: True, overheard=lambda *_: shown)
    request = CellRequest("m", "c", "1")
    assert sockets.overhear("k", request, User("ana", "Ana"), page=page) is needs_it
