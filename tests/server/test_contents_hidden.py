"""Hidden notebooks are accessible exactly if Jupyter Server allows them."""

from __future__ import annotations

from typing import Any

import pytest

from .clients import Place

KINDS = ["AsyncLargeFileManager", "LargeFileManager"]
PATHS = [".a.ipynb", ".folder/a.ipynb"]


class TestOutOfReach:
    @pytest.fixture(params=KINDS)
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return settings_of(request.param, hidden=False)

    @pytest.mark.parametrize("path", PATHS)
    async def test_a_hidden_notebook_is_not_opened(self, place: Place, path: str) -> None:
        file = place.write(path, "x")
        before = file.read_bytes()
        plain = await place.ask("GET", f"api/contents/{path}")
        answer = await place.ask("PUT", "api/runtimed/rooms", {"path": path})
        assert plain.status == answer.status == 404
        assert file.read_bytes() == before

    async def test_an_open_notebook_cannot_be_renamed_to_a_hidden_name(self, place: Place) -> None:
        """Jupyter Server refuses the rename, and the notebook keeps its path."""
        place.write("a.ipynb", "x")
        ana = await place.open("a.ipynb")
        answer = await place.ask("PATCH", "api/contents/a.ipynb", {"path": ".a.ipynb"})
        assert answer.status >= 400
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert (ana.path, place.on_disk("a.ipynb")) == ("a.ipynb", ["x!"])


class TestInReach:
    @pytest.fixture(params=KINDS)
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return settings_of(request.param, hidden=True)

    @pytest.mark.parametrize("path", PATHS)
    async def test_an_allowed_hidden_notebook_is_opened_and_saved(
        self, place: Place, path: str
    ) -> None:
        place.write(path, "x")
        ana = await place.open(path)
        await ana.append("c0", "!")
        await ana.wait_saved(30)
        assert place.on_disk(path) == ["x!"]
        (cell,) = (await place.contents(path))["content"]["cells"]
        assert cell["source"] == "x!"
        moved = path.replace("a.ipynb", "b.ipynb")
        assert (await place.ask("PATCH", f"api/contents/{path}", {"path": moved})).status == 200
        await ana.wait_for(lambda: ana.path == moved, 30)
        assert (await place.ask("DELETE", f"api/contents/{moved}")).status == 204
        assert not (place.root / moved).exists()


def settings_of(kind: str, *, hidden: bool) -> dict[str, Any]:
    manager = f"jupyter_server.services.contents.largefilemanager.{kind}"
    return {
        "ServerApp": {"contents_manager_class": manager},
        "ContentsManager": {"allow_hidden": hidden},
    }
