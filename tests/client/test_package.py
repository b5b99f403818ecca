"""The package's own surface: cheap to import, and what Jupyter asks it for."""

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


def test_the_client_is_there_when_asked_for() -> None:
    from jupyter_runtimed import client

    assert jupyter_runtimed.open is client.open
    assert jupyter_runtimed.LiveNotebook is client.LiveNotebook
    with pytest.raises(AttributeError, match="nothing"):
        jupyter_runtimed.nothing  # noqa: B018


def test_jupyter_is_told_both_parts() -> None:
    (point,) = jupyter_runtimed._jupyter_server_extension_points()
    assert point["module"] == "jupyter_runtimed.server.app"
    assert point["app"].name == "jupyter_runtimed"
    assert jupyter_runtimed._jupyter_labextension_paths() == [
        {"src": "labextension", "dest": "jupyter-runtimed"}
    ]
