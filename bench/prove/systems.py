"""The systems under test and their servers: real processes, default settings, `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "prove"
START_SECONDS = 90.0


@dataclass(frozen=True)
class System:
    name: str
    packages: tuple[str, ...]
    """The packages to install beside JupyterLab and a kernel."""
    distribution: str
    """The package whose version the table names."""
    shared: bool
    """Whether a second person sees each edit at once."""


SYSTEMS = (
    System("jupyter-runtimed", (), "jupyter_runtimed", shared=True),
    System("jupyterlab", (), "jupyterlab", shared=False),
    System("jupyter-collaboration", ("jupyter-collaboration",), "jupyter-collaboration", True),
    System(
        "jupyter-server-documents",
        ("jupyter-server-documents",),
        "jupyter-server-documents",
        True,
    ),
)


class Server:
    """`jupyter lab` of one environment on a separate folder."""

    def __init__(
        self,
        environment: Path,
        home: Path,
        *,
        root: Path | None = None,
        config: str = "",
        token: str = TOKEN,
    ) -> None:
        self.home = home
        self.root = root or home / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.started = 0.0
        """The time of the last start."""
        self._environment = environment
        self._token = token
        self._process: subprocess.Popen[bytes] | None = None
        write_settings(home, config)

    def start(self) -> None:
        log = (self.home / "server.log").open("ab")
        self._process = subprocess.Popen(
            [
                str(self._environment / "bin" / "python"), "-m", "jupyterlab", "--no-browser",
                "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}",
                "--ServerApp.port_retries=0", f"--IdentityProvider.token={self._token}",
                f"--ServerApp.root_dir={self.root}", "--LabApp.expose_app_in_browser=True",
            ],
            cwd=self.root,
            env=own_folders(self.home),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
        log.close()
        self.started = time.monotonic()
        wait_for(self._answers, "the server answers", START_SECONDS)

    def kill_9(self) -> None:
        """End the server as the out-of-memory killer does; its kernels continue."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End the server and its kernels after everything is counted."""
        if self._process is not None:
            end_group(self._process.pid)
            self._process.wait()

    def page(self, path: str, *, port: int | None = None, token: str = TOKEN) -> str:
        """Return the address at which JupyterLab opens the notebook."""
        quoted = urllib.parse.quote(path)
        return f"http://127.0.0.1:{port or self.port}/lab/tree/{quoted}?reset&token={token}"

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Call Jupyter's REST API as a script does. Raises `urllib.error.HTTPError`."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def busy(self) -> bool:
        """Return whether a kernel of the server is busy."""
        return any(
            kernel["execution_state"] == "busy" for kernel in self.request("GET", "api/kernels")
        )

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended: see {self.home / 'server.log'}")
        try:
            self.request("GET", "api/status")
        except (OSError, ValueError):
            return False
        return True


def write_settings(home: Path, config: str) -> None:
    """Disable the question about news, which covers the page, and add a server configuration."""
    settings = home / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    if config:
        (home / "config" / "jupyter_server_config.py").write_text(config)


def own_folders(home: Path) -> dict[str, str]:
    """Return an environment whose Jupyter folders are all below `home`."""
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
    }


def end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Any, what: str, seconds: float) -> None:
    """Poll until the condition holds. Raises `TimeoutError` with the name of the condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.05)
