"""A user's kernel action is reported once, whichever API the user calls."""

from __future__ import annotations

import pytest

from .clients import Place, Socket

pytestmark = pytest.mark.kernel


async def listener(place: Place, path: str) -> Socket:
    socket = await place.socket(await place.room(path))
    await socket.hello()
    return socket


async def test_kernel_actions_by_jupyters_api_and_by_calls_are_reported(place: Place) -> None:
    place.write("a.ipynb", "1")
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).ok
    socket = await listener(place, "a.ipynb")
    kernel = f"api/kernels/{nb.kernel.id}"
    assert (await place.ask("POST", f"{kernel}/interrupt", {})).status == 204
    await nb.restart()  # The action is reported once, although it also passes Jupyter's managers.
    assert (await place.ask("POST", f"{kernel}/restart", {})).status == 200
    assert (await place.ask("DELETE", kernel)).status == 204
    kernel_events = [await socket.event("kernel") for _ in range(4)]
    assert [body["action"] for body in kernel_events] == [
        "interrupt",
        "restart",
        "restart",
        "shutdown",
    ]
    assert all(body["by"] for body in kernel_events)


async def test_kernel_actions_of_the_server_are_reported_without_a_user(place: Place) -> None:
    place.write("a.ipynb", "1")
    nb = await place.open("a.ipynb")
    assert (await nb.run("c0", 60)).ok
    socket = await listener(place, "a.ipynb")
    await place.app.kernel_manager.restart_kernel(nb.kernel.id, now=True)
    await place.ask("POST", f"api/kernels/{nb.kernel.id}/interrupt", {})
    assert (await socket.event("kernel"))["action"] == "interrupt"
