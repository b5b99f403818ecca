"""Scripts in outputs run in other browsers only if a user with execute permission allows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from .clients import Answer, Place
from .revoking import EVERYTHING, Accounts, SlowTable, Table, as_at_first

SCRIPT = {"text/html": "<img src=x onerror=alert(1)>"}
EDITS = {("read", "contents"), ("write", "contents")}
MANAGERS = {
    "async": "jupyter_server.services.contents.largefilemanager.AsyncLargeFileManager",
    "sync": "jupyter_server.services.contents.largefilemanager.LargeFileManager",
}


def notebook_with_script(marked: bool = True) -> dict[str, Any]:
    output = nbformat.v4.new_output("display_data", SCRIPT)
    cell = nbformat.v4.new_code_cell("x", id="c0", outputs=[output])
    if marked:
        cell.metadata["trusted"] = True
    return dict(nbformat.v4.new_notebook(cells=[cell]))


class UserRequests:
    """The requests of one user."""

    def __init__(self, place: Place, name: str) -> None:
        self._place = place
        self._headers = {"Authorization": f"token {name}-token"}

    async def ask(self, method: str, path: str, body: object = None) -> Answer:
        return await self._place.ask(method, path, body, headers=self._headers)

    async def put(self, path: str, notebook: dict[str, Any]) -> None:
        body = {"type": "notebook", "format": "json", "content": notebook}
        answer = await self.ask("PUT", f"api/contents/{path}", body)
        assert answer.status in (200, 201), answer.body

    async def room(self, path: str) -> str:
        answer = await self.ask("PUT", "api/runtimed/rooms", {"path": path})
        assert answer.status == 200, answer.body
        return str(answer.json["room"])


class TestOnARealServer:
    @pytest.fixture(params=["async", "sync", "slow"])
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        as_at_first()
        Table.may = {"ben": EDITS, "ana": EVERYTHING}
        kind = "async" if request.param == "slow" else request.param
        server = {
            "identity_provider_class": Accounts,
            "authorizer_class": SlowTable if request.param == "slow" else Table,
            "contents_manager_class": MANAGERS[kind],
        }
        return {"ServerApp": server}

    @pytest.fixture
    def ana(self, place: Place, tmp_path: Path) -> UserRequests:
        # The plugin's in-memory database would give each connection a separate database.
        notary = place.app.contents_manager.notary
        notary.db_file = str(tmp_path / "signatures.db")
        notary.store = notary.store_factory()
        return UserRequests(place, "ana")

    @pytest.fixture
    def ben(self, place: Place) -> UserRequests:
        return UserRequests(place, "ben")

    async def _trusted(self, place: Place, ana: UserRequests, path: str) -> bool:
        """Return whether a browser would trust this notebook, by its room and by its file."""
        stored = await ana.ask("GET", f"api/contents/{path}")
        await ana.room(path)
        in_room = place.host(path).room.runtime.trusted("c0")  # type: ignore[arg-type]
        assert in_room == stored.json["content"]["cells"][0]["metadata"]["trusted"]
        return in_room

    async def test_an_upload_by_an_editor_is_not_trusted(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        await ben.put("a.ipynb", notebook_with_script())
        assert not await self._trusted(place, ana, "a.ipynb")

    async def test_an_upload_by_a_runner_is_trusted(self, place: Place, ana: UserRequests) -> None:
        await ana.put("a.ipynb", notebook_with_script())
        assert await self._trusted(place, ana, "a.ipynb")

    async def test_an_upload_by_an_editor_into_an_open_room_is_not_trusted(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        place.write("a.ipynb", "x")
        room = await ana.room("a.ipynb")
        assert (await ana.ask("POST", f"api/runtimed/rooms/{room}/trust", {})).status == 200
        await ben.put("a.ipynb", notebook_with_script())
        assert not await self._trusted(place, ana, "a.ipynb")

    async def test_an_editor_cannot_trust_a_notebook(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        await ben.put("a.ipynb", notebook_with_script())
        answer = await ben.ask("POST", "api/contents/a.ipynb/trust")
        assert (answer.status, b"may run code" in answer.body) == (403, True)
        assert not await self._trusted(place, ana, "a.ipynb")
        assert (await ben.ask("POST", "api/contents/a.ipynb/trust")).status == 403
        assert not await self._trusted(place, ana, "a.ipynb")
        assert (await ana.ask("POST", "api/contents/a.ipynb/trust")).status == 201
        assert await self._trusted(place, ana, "a.ipynb")

    async def test_a_copy_by_an_editor_is_trusted_only_as_far_as_its_content(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        await ben.put("a.ipynb", notebook_with_script())
        for original in ("a.ipynb", "marked.ipynb"):
            if original == "marked.ipynb":
                (place.root / original).write_text(json.dumps(notebook_with_script()))
            copied = await ben.ask("POST", "api/contents/", {"copy_from": original})
            assert copied.status == 201, copied.body
            assert not await self._trusted(place, ana, copied.json["path"])

    async def test_a_copy_of_an_open_room_by_an_editor_is_not_signed(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        """The room trusts its own runs, but the copy contains unsigned outputs."""
        await ben.put("a.ipynb", notebook_with_script(marked=False))
        room = await ana.room("a.ipynb")
        assert (await ana.ask("POST", f"api/runtimed/rooms/{room}/trust", {})).status == 200
        copied = await ben.ask("POST", "api/contents/", {"copy_from": "a.ipynb"})
        signed = await ana.ask("POST", "api/contents/", {"copy_from": "a.ipynb"})
        assert copied.status == signed.status == 201
        assert await self._trusted(place, ana, signed.json["path"])

    async def test_a_new_notebook_of_an_editor_is_not_trusted(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        body = {
            "type": "notebook",
            "format": "json",
            "content": notebook_with_script(),
            "ext": ".ipynb",
        }
        made = await ben.ask("POST", "api/contents/", body)
        if made.status == 201:
            content = json.loads((place.root / made.json["path"]).read_text())
            if content["cells"]:
                assert not await self._trusted(place, ana, made.json["path"])

    async def test_pasted_outputs_of_an_editor_are_not_trusted(
        self, place: Place, ana: UserRequests, ben: UserRequests
    ) -> None:
        place.write("a.ipynb", "x")
        room = await ben.room("a.ipynb")
        outputs = [{"output_type": "display_data", "data": SCRIPT, "metadata": {}}]
        body = {"cell": "c0", "outputs": outputs, "trusted": True}
        answer = await ben.ask("POST", f"api/runtimed/rooms/{room}/import_outputs", body)
        assert answer.status == 200, answer.body
        assert (await ben.ask("POST", f"api/runtimed/rooms/{room}/trust", {})).status == 403
        assert not await self._trusted(place, ana, "a.ipynb")

    async def test_a_file_written_outside_is_trusted_by_its_signature_alone(
        self, place: Place, ana: UserRequests
    ) -> None:
        (place.root / "marked.ipynb").write_text(json.dumps(notebook_with_script()))
        assert not await self._trusted(place, ana, "marked.ipynb")
        notebook = notebook_with_script(marked=False)
        notebook["metadata"] = {"signed": True}
        (place.root / "signed.ipynb").write_text(json.dumps(notebook))
        theirs = place.app.contents_manager.notary
        notary = NotebookNotary(
            data_dir=theirs.data_dir, db_file=theirs.db_file, secret=theirs.secret
        )
        notary.sign(nbformat.read(place.root / "signed.ipynb", 4))
        notary.close()
        assert await self._trusted(place, ana, "signed.ipynb")
