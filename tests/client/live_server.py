"""A real Jupyter server in its own process, which tests kill, stop, freeze and restart."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TOKEN = "a-token-for-tests"
GOODBYE_SECONDS = 30
START = """
import faulthandler, signal, sys
faulthandler.register(signal.SIGUSR1, all_threads=True)
from jupyter_server.serverapp import main
main(sys.argv[1:])
"""


class LiveServer:
    """A notebook folder, a data folder and a port that successive server processes share."""

    def __init__(
        self,
        folder: Path,
        *,
        token: str = TOKEN,
        data: Path | None = None,
        args: Sequence[str] = (),
    ) -> None:
        """`data`: the data folder of the store, instead of the server's default."""
        self._args = args
        self.prefix: Sequence[str] = ()
        """A command that runs the server's: for the next start."""
        self.root = folder / "notebooks"
        self.data = data or folder / "data" / "runtimed"
        self.log = folder / "server.log"
        self.token = token
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.root.mkdir(exist_ok=True)
        config = folder / "config" / "jupyter_server_config.d"
        config.mkdir(parents=True)
        shutil.copy(REPOSITORY / "jupyter-config/server/jupyter_runtimed.json", config)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def started(self) -> bool:
        return self._process is not None

    def start(self, stdin: int = subprocess.DEVNULL) -> None:
        """Start the server and return when it answers."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER_")}
        env["PYTHONPATH"] = str(REPOSITORY)
        for kind in ("config", "data", "runtime"):
            env[f"JUPYTER_{kind.upper()}_DIR"] = str(self._folder / kind)
        argv = [
            "--no-browser", "--allow-root", f"--port={self.port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.root}",
            "--ip=127.0.0.1", f"--RuntimedExtension.data_dir={self.data}", *self._args,
        ]  # fmt: skip
        self._process = process = subprocess.Popen(
            [*self.prefix, sys.executable, "-c", START, *argv],
            env=env,
            stdin=stdin,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._folder,
        )
        running = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(process, running))
        self._reader.start()
        running.wait()
        # The log line comes before the server listens, so only an answer shows that it is ready.
        while not self._listens():
            if process.poll() is not None:
                raise AssertionError("no server: " + self.log.read_text())
            time.sleep(0.01)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
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

    # ------------------------------------------------------------ faults

    def kill(self) -> None:
        """End the process with SIGKILL, as a power cut would."""
        self._send(signal.SIGKILL)
        self._gone()

    def stop(self, *signals: signal.Signals) -> None:
        """Send these signals (default SIGTERM) one after the other."""
        for number in signals or (signal.SIGTERM,):
            self._send(number)
        self.ended()

    def ended(self) -> None:
        """Wait for the end of the process; after a timeout, print the stack of each thread."""
        try:
            self._gone()
        except subprocess.TimeoutExpired:
            self._send(signal.SIGUSR1)
            self._send(signal.SIGKILL)
            self._gone()
            said = self.log.read_text()[-20_000:]
            raise AssertionError(f"the server does not end:\n{said}") from None

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def wait_for_log(self, text: str) -> None:
        """Wait until the log contains this text."""
        until = time.monotonic() + GOODBYE_SECONDS
        while text not in self.log.read_text():
            assert time.monotonic() < until, f"the log does not contain {text!r}"
            time.sleep(0.01)

    def send(self, what: signal.Signals) -> None:
        self._send(what)

    def _send(self, what: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(what)

    def _gone(self) -> None:
        if self._process is not None:
            self._process.wait(GOODBYE_SECONDS)
            self._reader.join(GOODBYE_SECONDS)
            self._process = None
