"""The package's public surface: fast to import, with the hooks that Jupyter calls."""

from __future__ import annotations

import subprocess
import sys

import pytest

import jupyter_runtimed


def test_importing_the_package_imports_neither_client_nor_server() -> None:
    code = (
        "import sys, jupyter_runtimed; "
        "print([m for m in ('pyautomerge', 'websockets', 'tornado') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_client_is_imported_on_first_use() -> None:
    from jupyter_runtimed import client

    assert jupyter_runtimed.connect is client.connect
    assert jupyter_runtimed.open is client.connect
    assert jupyter_runtimed.LiveNotebook is client.LiveNotebook
    with pytest.raises(AttributeError, match="nothing"):
        jupyter_runtimed.nothing  # noqa: B018


def test_jupyter_finds_the_server_and_the_browser_part() -> None:
    (point,) = jupyter_runtimed._jupyter_server_extension_points()
    assert point["module"] == "jupyter_runtimed.server.app"
    assert point["app"].name == "jupyter_runtimed"
    assert jupyter_runtimed._jupyter_labextension_paths() == [
        {"src": "labextension", "dest": "jupyter-runtimed"}
    ]
