"""A notebook that only agents run has the same kernel metadata as with JupyterLab."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from .clients import Place

pytestmark = pytest.mark.kernel


def metadata(place: Place, path: str) -> dict[str, Any]:
    return dict(nbformat.read(place.root / path, 4).metadata)


async def test_a_run_by_an_agent_records_the_kernel_and_its_language(place: Place) -> None:
    place.write("a.ipynb", "6 * 7", title="kept")
    before = (place.root / "a.ipynb").read_bytes()
    nb = await place.open("a.ipynb")
    await place.start_session("a.ipynb")
    await nb.wait_for(lambda: nb.kernel.state == "idle", 60)
    await nb.save()
    assert (place.root / "a.ipynb").read_bytes() == before, "a kernel alone changes nothing"
    await nb.run("c0", 60)
    await nb.save()
    written = metadata(place, "a.ipynb")
    specs = (await place.ask("GET", "api/kernelspecs")).json["kernelspecs"]
    display_name = specs["python3"]["spec"]["display_name"]
    assert written["kernelspec"] == {
        "name": "python3", "display_name": display_name, "language": "python",
    }  # fmt: skip
    language = written["language_info"]
    assert (language["name"], language["file_extension"]) == ("python", ".py")
    assert written["title"] == "kept"


async def test_another_kernel_is_recorded_with_its_first_run(place: Place) -> None:
    spec = {"name": "python3", "display_name": "Python"}
    place.write("a.ipynb", "said", kernelspec=spec, language_info={"name": "python"})
    nb = await place.open("a.ipynb")
    await place.start_session("a.ipynb", "echo")
    await nb.wait_for(lambda: nb.kernel.state == "idle", 60)
    await nb.run("c0", 60)
    await nb.save()
    written = metadata(place, "a.ipynb")
    assert written["kernelspec"]["name"] == "echo"
    assert written["language_info"]["name"] == "echo"


async def test_a_second_run_changes_no_metadata(place: Place) -> None:
    place.write("a.ipynb", "6 * 7")
    nb = await place.open("a.ipynb")
    await nb.run("c0", 60)
    heads = nb._notebook.heads
    await nb.run("c0", 60)
    assert nb._notebook.heads == heads
