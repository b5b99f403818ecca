"""Activity as reported to JupyterHub and other programs that stop idle servers."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

import pytest

from jupyter_runtimed.protocol import frames
from jupyter_runtimed.server.activity import KEY, RoomActivity

from .clients import Place


def look(place: Place, clock: Any = None) -> datetime | None:
    """Return the current setting. `clock` returns milliseconds."""
    settings = place.app.web_app.settings
    RoomActivity(settings, place.extension.rooms, *([] if clock is None else [clock])).look()
    found: datetime | None = settings.get(KEY)
    return found


@pytest.mark.kernel
async def test_a_cell_that_runs_silently_is_activity_without_any_client(place: Place) -> None:
    place.write("a.ipynb", "print(1)\nimport threading\nthreading.Event().wait()", "2")
    nb = await place.open("a.ipynb")
    room = await place.room("a.ipynb")
    await place.call(room, "run", cells=["c0", "c1"])
    await nb.wait_for(lambda: bool(nb.outputs("c0")), 60)
    await nb.close()
    future = count(4_000_000_000_000, 60_000)
    first, second = (look(place, lambda: next(future)) for _ in range(2))
    assert first is not None and second is not None
    assert first < second == place.app.web_app.last_activity()
    await place.call(room, "interrupt")
    ben = await place.open("a.ipynb", "ben")
    await ben.wait_for(
        lambda: ben.kernel.state == "idle" and ben.last_run("c0").state == "error", 60
    )
    assert not place.extension.rooms.active
    assert look(place, lambda: next(future)) == second, "nothing runs any more"


async def test_an_idle_connection_is_not_activity(place: Place) -> None:
    place.write("a.ipynb", "x")
    socket = await place.socket(await place.room("a.ipynb"))
    await socket.hello()
    await socket.send(frames.Presence("", {"cell": "c0"}))
    nb = await place.open("a.ipynb")
    nb.set_presence("c0", "reading")
    assert look(place) is None
    await nb.append("c0", "!")
    await nb.wait_acknowledged(30)
    edited = look(place)
    assert edited is not None
    nb.set_presence("c0", "reading again")
    await nb.wait_saved(30)
    assert look(place) == edited


async def test_the_time_of_an_edit_is_kept_after_its_room_closed(place: Place) -> None:
    place.write("a.ipynb", "x")
    nb = await place.open("a.ipynb")
    await nb.append("c0", "!")
    await nb.wait_saved(30)
    edited = look(place)
    place.extension.rooms._drop(place.host("a.ipynb"))
    assert look(place) == edited is not None
