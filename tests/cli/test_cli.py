"""The commands of `jupyter runtimed`, on a data folder that a server made."""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import nbformat
import pytest

from jupyter_runtimed.cli import app
from jupyter_runtimed.cli import data_dir as places
from jupyter_runtimed.host.storage.log_records import Kind

from ..host.conftest import Place, notebook
from ..host.damage import spoil
from ..host.local_client import LocalClient

LARGE = "x" * 20_000


@pytest.fixture
async def place(tmp_path):
    place = Place(tmp_path)
    yield place
    await place.close()


@pytest.fixture
async def written(place):
    """Two notebooks; the first was edited and has an output stored as a blob."""
    place.put("a.ipynb", notebook("one"))
    place.put("work/b.ipynb", notebook("two"))
    server = place.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    outputs = [{"output_type": "stream", "name": "stdout", "text": LARGE}]
    await ana.call("import_outputs", cell="c0", outputs=outputs, execution_count=1)
    ana.type("c0", " more")
    await ana.durable()
    await server.open("work/b.ipynb")
    await server.close_all()
    return place


@pytest.fixture
def run(tmp_path, capsys):
    """Run a command on the data folder; return exit code, output and warnings."""

    def run(*argv):
        code = app.main([*argv, "--data-dir", str(tmp_path / "data")])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def log_of(place, room="a-ipynb"):
    return max((place.data / "rooms" / room).glob("*.log"))


async def test_rooms_lists_the_stored_rooms(written, run):
    code, out, _ = run("rooms")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["ROOM", "a-ipynb", "work-b-ipynb"]
    code, out, _ = run("rooms", "--json")
    first, second = json.loads(out)
    assert (first["path"], second["path"]) == ("a.ipynb", "work/b.ipynb")
    assert first["open_in"] is None and first["damage"] == []


async def test_rooms_lists_which_rooms_a_server_has_open(written, run):
    server = written.server()
    await server.open("a.ipynb")
    found = json.loads(run("rooms", "--json")[1])
    assert str(os.getpid()) in found[0]["open_in"]
    assert found[1]["open_in"] is None
    await server.close_all()


async def test_export_writes_the_notebook_with_its_outputs(written, run, tmp_path):
    to = tmp_path / "out.ipynb"
    code, out, _ = run("export", "a.ipynb", "-o", str(to))
    assert code == 0 and "1 cells" in out
    cell = nbformat.read(to, 4).cells[0]
    assert (cell.source, cell.outputs[0].text) == ("one more", LARGE)
    code, _, err = run("export", "a.ipynb", "-o", str(to))
    assert code == 1 and "--force" in err
    assert run("export", "a.ipynb", "-o", str(to), "--force")[0] == 0


async def test_export_writes_older_versions_by_name_and_by_time(place, run, tmp_path):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    begun = int(time.time()) + 3600
    for index, text in enumerate(["a", "b", "c"]):
        ana.peer.notebook.splice("c0", 3 + index, 0, text)
        ana.peer.edited(now_ms=(begun + 3600 * index) * 1000)
        for data in ana.peer.drain():
            ana._out(data)
    await ana.durable()
    await server.close_all()

    def exported(*version):
        to = str(tmp_path / "v.ipynb")
        assert run("export", "a.ipynb", *version, "-o", to, "--force")[0] == 0
        return nbformat.read(tmp_path / "v.ipynb", 4).cells[0].source

    versions = json.loads(run("export", "a.ipynb", "--list", "--json")[1])
    named = [exported("--version", ",".join(it["heads"])) for it in versions]
    assert named[-4:] == ["one", "onea", "oneab", "oneabc"]
    assert exported("--version", versions[-2]["heads"][0][:8]) == "oneab"
    assert exported("--at", datetime.fromtimestamp(begun + 3700).isoformat()) == "oneab"
    code, _, err = run("export", "a.ipynb", "--at", "1999-01-01T00:00")
    assert code == 1 and "begins later" in err
    code, _, err = run("export", "a.ipynb", "--at", "yesterday")
    assert code == 1 and "2026-11-23T14:30" in err


async def test_export_omits_missing_outputs_with_a_warning(written, run):
    for path in (written.data / "blobs").glob("*/*"):
        path.unlink()
    code, out, err = run("export", "a.ipynb")
    assert code == 1 and "missing" in err
    assert nbformat.reads(out, 4).cells[0].source == "one more"


async def test_a_room_is_found_by_the_end_of_its_path_or_the_beginning_of_its_id(written, run):
    for name in ("b.ipynb", "work/b.ipynb", "/work/b.ipynb", "work-b"):
        assert nbformat.reads(run("export", name)[1], 4).cells[0].source == "two"
    code, _, err = run("export", "c.ipynb")
    assert code == 1 and "rooms" in err


async def test_check_reports_sound_and_damaged_rooms(written, run):
    code, out, _ = run("check")
    assert code == 0 and "2 rooms, 0 of them damaged." in out
    for path in (written.data / "blobs").glob("*/*"):
        path.write_bytes(b"something else")
    spoil(log_of(written, "work-b-ipynb"), Kind.SNAPSHOT)
    code, out, _ = run("check", "--json")
    first, second = json.loads(out)
    assert code == 1
    assert "is damaged" in first["problems"][0]
    assert any("cannot be read" in line for line in second["problems"])
    assert run("check", "a.ipynb")[0] == 1


async def test_check_changes_nothing(written, run):
    def everything():
        return {p: p.read_bytes() for p in written.data.rglob("*") if p.is_file()}

    spoil(log_of(written), Kind.METADATA, Kind.INCREMENTAL)
    before = everything()
    run("check")
    run("rooms")
    run("export", "a.ipynb")
    assert everything() == before


async def test_compact_keeps_all_content_in_fewer_bytes(written, run):
    before = run("export", "a.ipynb")[1]
    size = sum(p.stat().st_size for p in (written.data / "rooms").rglob("*.log"))
    code, out, _ = run("compact")
    assert code == 0 and "a.ipynb: " in out
    assert sum(p.stat().st_size for p in (written.data / "rooms").rglob("*.log")) < size
    assert len(list((written.data / "rooms" / "a-ipynb").iterdir())) == 1
    assert run("export", "a.ipynb")[1] == before
    assert run("check")[0] == 0
    server = written.server()
    assert (await server.open("a.ipynb")).room.content().cells[0].source == "one more"


async def test_compact_repairs_a_damaged_room(written, run):
    run("compact", "a.ipynb")
    with log_of(written).open("ab") as file:
        file.write(bytes(100))
    assert run("check", "a.ipynb")[0] == 1
    assert run("compact", "a.ipynb")[0] == 0
    assert "set aside earlier" in run("check", "a.ipynb")[1]
    assert run("compact", "a.ipynb", "--damaged")[0] == 0
    assert run("check", "a.ipynb")[0] == 0


@pytest.mark.parametrize("command", [("compact",), ("forget", "--yes")])
async def test_a_room_that_a_server_has_open_is_left_alone(written, run, command):
    server = written.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    name, *options = command
    code, _, err = run(name, "a.ipynb", *options)
    assert code == 3 and "is open in" in err
    assert run("compact")[0] == 0, "the others are compacted"
    ana.type("c0", "!")
    await ana.durable()
    await server.close_all()
    assert nbformat.reads(run("export", "a.ipynb")[1], 4).cells[0].source == "one more!"


async def test_forget_removes_the_room_and_leaves_the_file(written, run):
    file = (written.root / "a.ipynb").read_bytes()
    code, _, err = run("forget", "a.ipynb")
    assert code == 1 and "--yes" in err
    assert run("forget", "a.ipynb", "--yes")[0] == 0
    assert [it["path"] for it in json.loads(run("rooms", "--json")[1])] == ["work/b.ipynb"]
    assert (written.root / "a.ipynb").read_bytes() == file
    host = await written.server().open("a.ipynb")
    assert host.room.content().cells[0].source == "one more"


async def test_a_reader_beside_a_busy_server_always_finds_a_whole_room(place, run):
    place.put("a.ipynb", notebook("one"))
    server = place.server()
    ana = LocalClient(await server.open("a.ipynb"))
    await ana.until(lambda: ana.peer.live)
    typed = 0
    for _ in range(20):
        reading = asyncio.create_task(
            asyncio.to_thread(
                app.main,
                [
                    "check",
                    "a.ipynb",
                    "--data-dir",
                    str(place.data),
                ],
            )
        )
        while not reading.done():
            ana.type("c0", "x")
            typed += 1
            await ana.durable()
        assert await reading == 0
    assert ana.source("c0") == "one" + "x" * typed


def test_a_missing_data_folder_is_reported(tmp_path, capsys):
    assert app.main(["rooms", "--data-dir", str(tmp_path / "none")]) == 1
    assert "--data-dir" in capsys.readouterr().err


def test_invalid_arguments_have_their_own_exit_code(capsys):
    with pytest.raises(SystemExit) as stopped:
        app.main(["export"])
    assert stopped.value.code == app.USAGE
    assert set(app.CODES) == {0, 1, 2, 3}


@pytest.mark.parametrize("command", app.COMMANDS, ids=lambda it: it.name)
def test_each_command_has_a_help_text(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        app.main([command.name, "--help"])
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert " ".join(command.about.split())[:40] in text
    assert all(argument.help[:30] in text for argument in command.arguments)


def _jupyter(tmp_path, *argv):
    env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
    env |= {f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("named", ["by default", "in the server's configuration"])
async def test_jupyter_runtimed_finds_the_server_s_data_folder(written, tmp_path, named):
    data = tmp_path / "data" / "runtimed"
    if named == "in the server's configuration":
        data = tmp_path / "elsewhere"
        (tmp_path / "config").mkdir()
        config = tmp_path / "config" / "jupyter_server_config.py"
        config.write_text(f"c.RuntimedExtension.data_dir = {str(data)!r}\n")
    aside = tmp_path / "moved"
    written.data.rename(aside)
    data.parent.mkdir(exist_ok=True)
    aside.rename(data)
    done = _jupyter(tmp_path, "jupyter", "runtimed", "rooms", "--json")
    assert done.returncode == 0, done.stderr
    assert [it["path"] for it in json.loads(done.stdout)] == ["a.ipynb", "work/b.ipynb"]


def test_a_named_data_folder_is_used_without_reading_the_configuration(tmp_path):
    assert places.data_dir(tmp_path).root == tmp_path
