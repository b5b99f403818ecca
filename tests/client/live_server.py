"""A real Jupyter server in a process of its own, which can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOKEN = "a-token-for-tests"


class LiveServer:
    """One root directory, one store and one port, through any number of processes."""

    def __init__(self, folder: Path, *, token: str = TOKEN) -> None:
        self.root = folder / "notebooks"
        self.root.mkdir(exist_ok=True)
        self.token = token
        self.log = folder / "server.log"
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        config = folder / "config" / "jupyter_server_config.d"
        config.mkdir(parents=True)
        shutil.copy(REPOSITORY / "jupyter-config/server/jupyter_runtimed.json", config)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when the server says that it runs."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
        env["PYTHONPATH"] = str(REPOSITORY)
        for kind in ("config", "data", "runtime"):
            env[f"JUPYTER_{kind.upper()}_DIR"] = str(self._folder / kind)
        argv = [
            "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={self.port}",
            "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}", "--ip=127.0.0.1",
        ]  # fmt: skip
        self._process = process = subprocess.Popen(
            [sys.executable, *argv], env=env, stderr=subprocess.PIPE, text=True, cwd=self.root
        )
        running = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(process, running))
        self._reader.start()
        running.wait()
        # It says so before it listens, and a port that opens tells nobody.
        while not self._listens():
            if process.poll() is not None:
                raise AssertionError("no server: " + self.log.read_text())
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _read(self, process: subprocess.Popen[str], running: threading.Event) -> None:
        assert process.stderr is not None
        with self.log.open("a") as log, process.stderr:
            for line in process.stderr:
                log.write(line)
                log.flush()
                if "is running at" in line:
                    running.set()
        process.wait()
        running.set()

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._reader.join()
            self._process = None
