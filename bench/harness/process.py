"""A server as a child process with its own home folder, and its CPU time and memory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

TOKEN = "bench"
_CPU_CLOCK = 2
"""Low bits of the id of a process's CPU-time clock on Linux."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server on the loopback address; its context manager removes all processes and files."""

    def __init__(self, argv: list[str], *, off: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="runtimed-bench-"))
        self.root = self.folder / "root"
        self.root.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._argv = [a.format(port=self.port, root=self.root, token=TOKEN) for a in argv]
        config = self.folder / "config" / "jupyter_server_config.d"
        config.mkdir(parents=True)
        switches = ", ".join(f'"{name}": false' for name in off)
        (config / "bench.json").write_text(
            f'{{"ServerApp": {{"jpserver_extensions": {{{switches}}}}}}}'
        )

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, timeout_seconds: float = 60) -> None:
        """Start the server and wait for its first response.

        Raises ``RuntimeError`` with the end of the server's log.
        """
        env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
        for name in ("CONFIG", "DATA", "RUNTIME"):
            env[f"JUPYTER_{name}_DIR"] = str(self.folder / name.lower())
        env |= {"HOME": str(self.folder), "IPYTHONDIR": str(self.folder / "ipython")}
        with (self.folder / "log").open("ab") as log:
            self._process = psutil.Popen(
                [sys.executable, *self._argv], env=env, cwd=self.root, stdout=log, stderr=log
            )
        end = time.monotonic() + timeout_seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no server: {self.log()[-3000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api?token={TOKEN}", timeout=2):
                return True
        except OSError:
            return False

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        family = [self._process, *self._process.children(recursive=True)]
        self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(psutil.TimeoutExpired):
            self._process.wait(10)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()

    def kill(self) -> None:
        """Kill the server and its kernels with SIGKILL."""
        family = [self._process, *self._process.children(recursive=True)]
        for process in family:
            process.kill()
        self._process.wait()

    def cpu_seconds(self) -> float:
        """Return user and system time of the server process, without its kernels."""
        # The clock of the process counts microseconds; /proc counts only hundredths of a second.
        return time.clock_gettime((~self._process.pid << 3) | _CPU_CLOCK)

    def memory_bytes(self) -> int:
        return int(self._process.memory_info().rss)


class Attached(Server):
    """A server that another process started, known only by its address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.root = Path.cwd()


def lab_argv() -> list[str]:
    """Return the arguments of a quiet JupyterLab with default settings on a chosen port."""
    return [
        "-m", "jupyterlab", "--no-browser", "--allow-root", "--port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--ServerApp.root_dir={root}",
        "--IdentityProvider.token={token}", "--ServerApp.log_level=WARN",
    ]  # fmt: skip
