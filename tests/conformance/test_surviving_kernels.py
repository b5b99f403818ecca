"""A kernel that outlives its server: runs continue; runs that ended in between are lost.

As behind a gateway, the first server ends and the next one finds the notebook's kernel.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jupyter_runtimed.execution.external_runs import UNHEARD
from jupyter_runtimed.room.events import KernelStatusChanged

from ..host.conftest import Place
from ..host.local_client import LocalClient
from .conftest import RoomClient, open_in_room

pytestmark = pytest.mark.kernel

SHOW = "from IPython.display import display, update_display\n"


def until(file: Path) -> str:
    return (
        "import pathlib, time\nprint('so far', flush=True)\n"
        f"while not pathlib.Path({str(file)!r}).exists(): time.sleep(0.02)\n"
    )


async def begun(place: Place, *sources: str) -> RoomClient:
    """Request all cells and wait until the first has printed."""
    table = await open_in_room(place, *sources)
    await table.client.call("run_all")
    await table.client.until(lambda: table.shown("c0") == "so far\n")
    return table


async def next_server(place: Place) -> RoomClient:
    registry, _ = place._servers[-1]
    await registry.close_all()
    client = LocalClient(await place.server().open("a.ipynb"))
    await client.until(lambda: client.peer.live)
    return RoomClient(place, client)


async def test_a_run_continues_to_its_end_after_the_server_ends(
    place: Place, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    await begun(place, until(go) + "print('after')", "'never'", "6 * 7")
    table = await next_server(place)
    await table.client.until(lambda: table.runtime.kernel.state == "busy")
    assert [table.state(cell) for cell in ("c0", "c1", "c2")] == ["running"] + ["cancelled"] * 2
    asked = asyncio.create_task(table.run("c2"))
    go.touch()
    run = await table.client.finished("c0")
    assert (run.state, run.by) == ("ok", "ana")
    assert table.shown("c0") == "so far\nafter\n"
    assert await asked == ["ok"]


async def test_a_prompt_can_be_answered_after_the_server_ends(place: Place) -> None:
    table = await open_in_room(place, "print('hello', input('who? '))")
    await table.client.call("run", cells=["c0"])
    await table.client.until(lambda: table.client.run_of("c0").prompt is not None)
    table = await next_server(place)
    await table.client.until(lambda: table.runtime.kernel.state == "busy")
    await table.client.call("answer", prompt=table.client.run_of("c0").prompt.id, text="ana")
    assert (await table.client.finished("c0")).state == "ok"
    assert table.shown("c0").endswith("hello ana\n")


async def test_a_run_that_ended_without_a_server_is_lost(place: Place, tmp_path: Path) -> None:
    go, over = tmp_path / "go", tmp_path / "over"
    await begun(place, until(go) + f"pathlib.Path({str(over)!r}).touch()", "6 * 7")
    registry, _ = place._servers[-1]
    await registry.close_all()
    go.touch()
    manager = next(iter(place.kernels.managers.values()))
    client = manager.client()
    client.start_channels()
    client.execute("1")
    await client.get_shell_msg(timeout=60)
    client.stop_channels()
    assert over.exists()
    table = await next_server(place)
    run = await table.client.finished("c0")
    assert (run.state, run.reason) == ("lost", UNHEARD)
    assert await table.run("c1") == ["ok"]


async def test_a_run_whose_kernel_is_gone_is_lost(place: Place, tmp_path: Path) -> None:
    await begun(place, until(tmp_path / "go"), "6 * 7")
    registry, _ = place._servers[-1]
    await registry.close_all()
    await place.kernels.close()
    table = await next_server(place)
    run = await table.client.finished("c0")
    assert (run.state, run.reason) == ("lost", UNHEARD)
    assert table.runtime.kernel.state == "none"
    assert await table.run("c1") == ["ok"]


async def test_a_display_is_still_updated_when_its_room_was_closed_in_between(place: Place) -> None:
    table = await open_in_room(
        place, SHOW + "display(1, display_id='d');", "update_display(2, display_id='d')"
    )
    assert await table.run("c0") == ["ok"]
    table = await next_server(place)
    await table.client.until(lambda: table.runtime.kernel.state == "idle")
    assert await table.run("c1") == ["ok"]
    assert table.shown("c0") == "2"


async def test_a_display_is_not_updated_by_another_kernel(place: Place) -> None:
    table = await open_in_room(
        place, SHOW + "display(1, display_id='d');", SHOW + "update_display(2, display_id='d')"
    )
    assert await table.run("c0") == ["ok"]
    await place.kernels.close()
    place.kernels._id = lambda path: f"another kernel of {path}"
    table = await next_server(place)
    assert await table.run("c1") == ["ok"]
    assert table.shown("c0") == "1"


async def test_a_kernel_that_dies_after_reconnecting_leaves_no_run_hanging(
    place: Place, tmp_path: Path
) -> None:
    await begun(place, until(tmp_path / "go"), "6 * 7")
    table = await next_server(place)
    asked = asyncio.create_task(table.run("c1"))
    await table.client.until(lambda: table.runtime.kernel.state == "busy")
    await table.client.until(lambda: table.state("c1") == "running")
    await table.client.call("shutdown")
    assert await asked == ["lost"]
    assert table.state("c0") == "lost"
    assert await table.run("c1") == ["ok"]


async def test_the_reason_of_a_lost_run_survives_reopening_the_room(place: Place) -> None:
    table = await open_in_room(place, "1")
    assert await table.run("c0") == ["ok"]
    await place.kernels.close()
    await table.client.host.detach(KernelStatusChanged("none", reason="it was a quiet day"))
    table = await next_server(place)
    await table.client.call("clear", cells=["c0"])
    assert (table.runtime.kernel.state, table.runtime.kernel.reason) == (
        "none",
        "it was a quiet day",
    )
    assert await table.run("c0") == ["ok"]
    await table.client.until(lambda: table.runtime.kernel.state == "idle")
    assert table.runtime.kernel.reason == ""
