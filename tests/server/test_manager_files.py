"""Saving through a contents manager while the notebook is renamed."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from tornado.web import HTTPError

from jupyter_runtimed.errors import NotFound
from jupyter_runtimed.server.contents.manager_files import ContentsFiles


class PlainManager:
    """A contents manager with plain methods, like s3contents: a rename waits for no save."""

    def __init__(self) -> None:
        self.notebooks = {"a.ipynb": nbformat.v4.new_notebook()}

    def get(self, path: str, **_: Any) -> dict[str, Any]:
        if path not in self.notebooks:
            raise HTTPError(404)
        copy = nbformat.from_dict(json.loads(json.dumps(self.notebooks[path])))
        return {"type": "notebook", "path": path, "content": copy, "last_modified": "then"}

    def save(self, model: dict[str, Any], path: str) -> dict[str, Any]:
        self.notebooks[path] = model["content"]
        return {"type": "notebook", "path": path, "content": None, "last_modified": "now"}

    def file_exists(self, path: str) -> bool:
        return path in self.notebooks

    def rename(self, old: str, new: str) -> None:
        self.notebooks[new] = self.notebooks.pop(old)


async def test_a_save_does_not_restore_the_file_that_was_renamed_meanwhile() -> None:
    manager = PlainManager()
    files = ContentsFiles(manager)
    _, stamp = await files.read("a.ipynb")

    def rendered_while_renaming(data: bytes | None) -> bytes:
        manager.rename("a.ipynb", "b.ipynb")
        assert data is not None
        return data.replace(b'"cells": []', b'"cells": [{"cell_type": "raw", "id": "c0",'
                            b' "metadata": {}, "source": "typed"}]')  # fmt: skip

    with pytest.raises(NotFound):
        await files.write("a.ipynb", rendered_while_renaming, stamp)
    assert list(manager.notebooks) == ["b.ipynb"]
