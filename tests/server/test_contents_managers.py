"""The contents API on open notebooks, with other contents managers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from hashlib import md5
from typing import Any

import fsspec
import nbformat
import pytest
import pytest_asyncio
from fsspec.implementations.memory import MemoryFileSystem

from jupyter_runtimed.client import LiveNotebook

from .clients import Place

META = "jupyterfs.metamanager"
LOCAL = "jupyter_server.services.contents.largefilemanager"


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager without events is polled."""
    monkeypatch.setattr("jupyter_runtimed.server.contents.manager_files.POLL_SECONDS", 0.05)


class Drive:
    """A folder of a contents manager, through the API alone."""

    def __init__(self, place: Place, folder: str) -> None:
        self.place = place
        self.folder = folder

    def at(self, name: str) -> str:
        return f"{self.folder}{name}"

    async def put(self, name: str, *sources: str) -> None:
        cells = [nbformat.v4.new_code_cell(text, id=f"c{i}") for i, text in enumerate(sources)]
        await self.put_model(name, nbformat.v4.new_notebook(cells=cells))

    async def put_model(self, name: str, model: Any) -> None:
        body = {"type": "notebook", "format": "json", "content": model}
        await self.ask("PUT", name, 200, 201, body=body)

    async def ask(self, method: str, name: str, *wanted: int, body: Any = None) -> Any:
        answer = await self.place.ask(method, f"api/contents/{self.at(name)}", body)
        assert answer.status in wanted, (answer.status, answer.body)
        return answer.json if answer.body else None

    async def get(self, name: str) -> Any:
        return (await self.place.contents(self.at(name), type="notebook"))["content"]

    async def sources(self, name: str) -> list[str]:
        return [cell["source"] for cell in (await self.get(name))["cells"]]

    async def kept(self, name: str) -> list[str]:
        """Return the manager's own content, also of an open notebook."""
        files = self.place.extension.rooms._files
        data, _ = await files.read(self.at(name))
        return [cell.source for cell in nbformat.reads(data.decode(), 4).cells]

    async def open(self, name: str) -> LiveNotebook:
        return await self.place.open(self.at(name))


class SharedTests:
    """Tests for every manager; `drive` is an empty folder."""

    async def test_a_notebook_of_the_manager_is_opened_edited_and_saved(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x", "y")
        ana = await drive.open("a.ipynb")
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert await drive.kept("a.ipynb") == ["x!", "y"]
        assert await drive.sources("a.ipynb") == ["x!", "y"]
        bare = await drive.place.contents(drive.at("a.ipynb"), content=0)
        assert (bare["content"], bare["type"]) == (None, "notebook")

    async def test_a_put_to_an_open_notebook_is_merged(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x", "y")
        ana = await drive.open("a.ipynb")
        theirs = await drive.get("a.ipynb")
        await ana.append("c0", " typed")
        await ana.wait_acknowledged(30)
        theirs["cells"][1]["source"] = "put"
        await drive.put_model("a.ipynb", theirs)
        await ana.wait_for(lambda: ana.source("c1") == "put", 30)
        await ana.wait_saved(30)
        assert await drive.kept("a.ipynb") == ["x typed", "put"]

    async def test_a_change_in_the_managers_storage_is_merged(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x", "y")
        ana = await drive.open("a.ipynb")
        await ana.append("c0", " typed")
        await ana.wait_saved(30)
        await self.change_behind(drive, "a.ipynb", "y", "outside")
        await ana.wait_for(lambda: ana.source("c1") == "outside", 30)
        await ana.append("c0", " more")
        await ana.wait_saved(30)
        assert await drive.kept("a.ipynb") == ["x typed more", "outside"]

    async def change_behind(self, drive: Drive, name: str, old: str, new: str) -> None:
        files = drive.place.extension.rooms._files
        data, stamp = await files.read(drive.at(name))
        assert f'"{old}"'.encode() in data
        changed = data.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
        await files.write(drive.at(name), lambda _: changed, stamp)

    async def test_a_renamed_notebook_keeps_its_room(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x")
        ana = await drive.open("a.ipynb")
        room = await drive.place.room(drive.at("a.ipynb"))
        await ana.append("c0", " unsaved")
        await ana.wait_acknowledged(30)
        await drive.ask("PATCH", "a.ipynb", 200, body={"path": drive.at("b.ipynb")})
        await ana.wait_for(lambda: ana.path == drive.at("b.ipynb"), 30)
        await ana.append("c0", " more")
        await ana.save()
        assert await drive.kept("b.ipynb") == ["x unsaved more"]
        assert await drive.place.room(drive.at("b.ipynb")) == room
        gone = {"path": drive.at("a.ipynb")}
        assert (await drive.place.ask("PUT", "api/runtimed/rooms", gone)).status == 404

    async def test_a_deleted_notebook_stays_deleted_until_it_is_saved(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x")
        ana = await drive.open("a.ipynb")
        room = await drive.place.room(drive.at("a.ipynb"))
        await drive.ask("DELETE", "a.ipynb", 204)
        await ana.append("c0", " typed")
        await ana.wait_acknowledged(30)
        missing = await drive.place.ask("GET", f"api/contents/{drive.at('a.ipynb')}")
        assert missing.status in (400, 404), "managers differ in what they answer"
        await ana.save()
        assert await drive.kept("a.ipynb") == ["x typed"]
        assert await drive.place.room(drive.at("a.ipynb")) == room

    async def test_a_copy_has_unsaved_edits(self, drive: Drive) -> None:
        await drive.put("a.ipynb", "x")
        ana = await drive.open("a.ipynb")
        await ana.append("c0", " unsaved")
        await ana.wait_acknowledged(30)
        body = {"copy_from": drive.at("a.ipynb")}
        copy = await drive.place.ask("POST", f"api/contents/{drive.folder}", body)
        assert copy.status == 201, copy.body
        name = copy.json["path"].rpartition("/")[2]
        assert await drive.kept(name) == ["x unsaved"]
        rooms = {await drive.place.room(drive.at(each)) for each in ("a.ipynb", name)}
        assert len(rooms) == 2


class Folders:
    """Tests for managers with folders."""

    async def test_a_renamed_folder_keeps_its_rooms(self, drive: Drive) -> None:
        await drive.ask("PUT", "d", 200, 201, body={"type": "directory"})
        await drive.put("d/a.ipynb", "x")
        ana = await drive.open("d/a.ipynb")
        room = await drive.place.room(drive.at("d/a.ipynb"))
        await drive.ask("PATCH", "d", 200, body={"path": drive.at("f")})
        await ana.wait_for(lambda: ana.path == drive.at("f/a.ipynb"), 30)
        await ana.append("c0", "!")
        await ana.save()
        assert await drive.kept("f/a.ipynb") == ["x!"]
        assert await drive.place.room(drive.at("f/a.ipynb")) == room


class TestLocal(SharedTests, Folders):
    @pytest.fixture(params=["AsyncLargeFileManager", "LargeFileManager"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"ServerApp": {"contents_manager_class": f"{LOCAL}.{request.param}"}}

    @pytest_asyncio.fixture
    async def drive(self, place: Place) -> AsyncIterator[Drive]:
        yield Drive(place, "")


class Memory(MemoryFileSystem):  # type: ignore[misc]
    """fsspec's memory file system, with times as numbers, as jupyter-fs requires."""

    def info(self, path: str, **how: Any) -> dict[str, Any]:
        found = dict(super().info(path, **how))
        if "created" in found:
            found["created"] = found["created"].timestamp()
        return found


class TestMemory(SharedTests):
    """jupyter-fs over memory: no disk, and one manager that delegates to others."""

    URL = "memory://"

    @pytest.fixture(params=["MetaManager", "SyncMetaManager"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        pytest.importorskip(
            "jupyterfs", reason="it takes part in every server where it is installed"
        )
        fsspec.register_implementation("memory", Memory, clobber=True)
        resource = {"name": "memory", "url": self.URL, "type": "fsspec", "auth": "none"}
        return {
            "ServerApp": {"contents_manager_class": f"{META}.{request.param}"},
            "JupyterFs": {"resources": [resource]},
        }

    @pytest_asyncio.fixture
    async def drive(self, place: Place) -> AsyncIterator[Drive]:
        key = md5(f"{self.URL}fsspec".encode(), usedforsecurity=False).hexdigest()[:8]
        folder = f"{key}:{uuid.uuid4().hex}"
        await Drive(place, "").ask("PUT", folder, 200, 201, body={"type": "directory"})
        yield Drive(place, f"{folder}/")


@pytest.fixture(scope="session")
def bucket() -> Iterator[dict[str, str]]:
    """A bucket of an S3 server, and its address."""
    moto = pytest.importorskip("moto.server", reason="it is installed where S3 is tried")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"access_key_id": "any", "secret_access_key": "any"}
    client_options = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1", **keys}
    client_of(client_options).create_bucket(Bucket="notebooks")
    yield {"bucket": "notebooks", **client_options}
    server.stop()


def client_of(bucket: dict[str, str]) -> Any:
    """A client without Jupyter."""
    how = {name: bucket[name] for name in ("endpoint_url", "region_name")}
    keys = {f"aws_{name}": bucket[name] for name in ("access_key_id", "secret_access_key")}
    return pytest.importorskip("boto3").client("s3", **how, **keys)


class TestS3(SharedTests, Folders):
    """s3contents over a bucket: no files, times in whole seconds, and slow."""

    @pytest.fixture
    def settings(self, bucket: dict[str, str]) -> dict[str, Any]:
        manager = pytest.importorskip("s3contents").S3ContentsManager
        self.prefix = uuid.uuid4().hex
        own = {**bucket, "prefix": self.prefix}
        return {"ServerApp": {"contents_manager_class": manager}, "S3ContentsManager": own}

    @pytest_asyncio.fixture
    async def drive(self, place: Place, bucket: dict[str, str]) -> AsyncIterator[Drive]:
        self.objects = client_of(bucket)
        yield Drive(place, "")

    async def change_behind(self, drive: Drive, name: str, old: str, new: str) -> None:
        """Another program writes the object directly."""
        where = {"Bucket": "notebooks", "Key": f"{self.prefix}/{name}"}
        data = self.objects.get_object(**where)["Body"].read()
        assert f'"{old}"'.encode() in data
        changed = data.replace(f'"{old}"'.encode(), f'"{new}"'.encode())
        await asyncio.to_thread(self.objects.put_object, Body=changed, **where)


class TestReplaced(SharedTests, Folders):
    """Another extension replaces the manager after this extension was loaded."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        extensions = ["jupyter_runtimed", "jupyter_server_fileid", "tests.server.replacing"]
        return {"ServerApp": {"jpserver_extensions": dict.fromkeys(extensions, True)}}

    @pytest_asyncio.fixture
    async def drive(self, place: Place) -> AsyncIterator[Drive]:
        assert type(place.app.contents_manager).__name__ == "Derived"
        yield Drive(place, "")


class TestJupytext(SharedTests, Folders):
    """Scripts as notebooks, and notebooks paired with scripts, with jupytext's manager."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        pytest.importorskip(
            "jupytext", reason="it takes part in every server where it is installed"
        )
        return {"ServerApp": {"contents_manager_class": "jupytext.TextFileContentsManager"}}

    @pytest_asyncio.fixture
    async def drive(self, place: Place) -> AsyncIterator[Drive]:
        yield Drive(place, "")

    async def test_a_script_opens_as_a_notebook(self, place: Place) -> None:
        script = place.root / "a.py"
        script.write_text("# %%\nx = 1\n\n# %% [markdown]\n# Text\n")
        ana = await place.open("a.py")
        first, second = ana.cells
        assert (first.source, second.source) == ("x = 1", "Text")
        await ana.append(first.id, " + 1")
        await ana.wait_saved(30)
        assert "x = 1 + 1\n" in script.read_text()
        script.write_text(script.read_text().replace("# Text", "# Other text"))
        await ana.wait_for(lambda: ana.source(second.id) == "Other text", 30)
        assert [cell.id for cell in ana.cells] == [first.id, second.id]

    async def test_a_notebook_and_its_paired_script_are_written_and_read_together(
        self, place: Place
    ) -> None:
        formats = {"formats": "ipynb,py:percent"}
        file = place.write("a.ipynb", "x = 1", "y = 2", jupytext=formats)
        ana = await place.open("a.ipynb")
        await ana.append("c0", " + 1")
        await ana.wait_saved(30)
        script = file.with_suffix(".py")
        assert "x = 1 + 1\n" in script.read_text()
        assert place.on_disk("a.ipynb") == ["x = 1 + 1", "y = 2"]
        script.write_text(script.read_text().replace("y = 2", "y = 'in the script'"))
        await ana.wait_for(lambda: ana.source("c1") == "y = 'in the script'", 30)
        await asyncio.gather(ana.append("c0", " + 1"), ana.wait_saved(30))
        await ana.wait_saved(30)
        assert place.on_disk("a.ipynb") == ["x = 1 + 1 + 1", "y = 'in the script'"]
