"""A real `jupyter lab` on a separate folder, which tests can kill and start again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat

TOKEN = "e2e-token"
SERVER_EXTENSION_DISABLED = "--ServerApp.jpserver_extensions={'jupyter_runtimed': False}"
START_SECONDS = 60.0


class Lab:
    """A server with its notebooks in `root` and all of Jupyter's own folders beside `root`."""

    def __init__(self, home: Path, *options: str, python: Path | str = sys.executable) -> None:
        self.root = home / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._python = str(python)
        self._process: subprocess.Popen[bytes] | None = None

    def set(self, plugin: str, **settings: Any) -> None:
        """Write a user setting of a JupyterLab plugin such as `@jupyterlab/x:y`."""
        package, _, name = plugin.partition(":")
        file = self.home / "config/lab/user-settings" / package / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))

    def disable_extensions(self, *packages: str) -> None:
        """Disable the browser part of these extensions; their server parts stay enabled."""
        self._page_config({"disabledExtensions": dict.fromkeys(packages, True)})

    def _page_config(self, config: dict[str, Any]) -> None:
        file = self.home / "config/labconfig/page_config.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config))

    def start(self) -> None:
        self.set("@jupyterlab/apputils-extension:notification", fetchNews="false")
        if mode := os.environ.get("LAB_WINDOWING_MODE"):
            # By default, versions of JupyterLab keep different cells in the page.
            self.set("@jupyterlab/notebook-extension:tracker", windowingMode=mode)
        environment = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "IPYTHONDIR": str(self.home / "ipython"),
        }
        log = (self.home / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                self._python, "-m", "jupyterlab", "--no-browser", "--allow-root",
                f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0",
                "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}",
                f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True",
                *self._options,
            ],
            cwd=self.root, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        self._wait_until_ready()

    def kill(self) -> None:
        """End the server with `kill -9`."""
        process = self._running()
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._process = None

    def stop(self) -> None:
        """Stop the server with SIGTERM, as a user does, and wait for its end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=30)
            self._process = None

    def get(self, path: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}/{path}", headers={"Authorization": f"token {TOKEN}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not running"
        return self._process

    def _wait_until_ready(self) -> None:
        # Another program sends no event when it is ready, so the test must poll.
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("api/status")
            except OSError:
                assert self._running().poll() is None, f"the server ended:\n{self.log()}"
                assert time.monotonic() < deadline, f"the server does not answer:\n{self.log()}"
                time.sleep(0.1)
            else:
                return


def write_notebook(lab: Lab, path: str, *sources: str) -> Path:
    """Write a notebook of code cells as a file, without a room."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    nbformat.write(notebook, lab.root / path)
    return lab.root / path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
