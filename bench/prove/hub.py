"""A real JupyterHub with its own proxy; the person's server comes from the system's environment."""

from __future__ import annotations

import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType

from playwright.sync_api import Page

from .systems import end_group, free_port, own_folders, wait_for, write_settings

USER = "ana"
_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.cleanup_servers = False
c.Spawner.cmd = [{singleuser!r}]
c.Spawner.args = {arguments!r}
c.Spawner.environment = {environment!r}
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 90
c.Spawner.http_timeout = 90
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
"""


class Hub:
    def __init__(self, environment: Path, system: Path, home: Path) -> None:
        self.home = home
        self.root = home / "root"
        self.root.mkdir(parents=True)
        self.url = ""
        self._command = str(environment / "bin" / "jupyterhub")
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []
        self._configure(environment, system)

    def _configure(self, environment: Path, system: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        write_settings(self.home, "")
        folders = own_folders(self.home)
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        (self.home / "jupyterhub_config.py").write_text(
            _CONFIG.format(
                port=port,
                hub_port=free_port(),
                proxy_port=free_port(),
                singleuser=str(system / "bin" / "jupyterhub-singleuser"),
                arguments=[
                    "--allow-root",
                    f"--ServerApp.root_dir={self.root}",
                    "--LabApp.expose_app_in_browser=True",
                ],
                environment={name: folders[name] for name in names},
                proxy=str(environment / "node_modules" / ".bin" / "configurable-http-proxy"),
            )
        )

    def __enter__(self) -> Hub:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        for process in _processes_with(str(self.home)):
            end_group(process)

    def start(self) -> None:
        log = (self.home / "hub.log").open("ab")
        self._process = subprocess.Popen(
            [self._command, "-f", "jupyterhub_config.py"],
            cwd=self.home,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        wait_for(self._answers, "JupyterHub answers", 90)

    def stop(self) -> None:
        """End the Hub with SIGTERM, as systemd and Kubernetes do; the person's server continues."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(timeout=60)

    def address(self, path: str) -> str:
        return f"{self.url}/user/{USER}/lab/tree/{urllib.parse.quote(path)}?reset"

    def log_in(self, page: Page) -> None:
        """Log in by the Hub's form, and wait for the server that it starts."""
        page.goto(f"{self.url}/hub/login", timeout=90_000)
        page.fill("input[name=username]", USER)
        page.fill("input[name=password]", "x")
        page.click("input[type=submit]")
        page.wait_for_url(f"**/user/{USER}/lab**", timeout=120_000)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"JupyterHub ended: see {self.home / 'hub.log'}")
        try:
            with urllib.request.urlopen(f"{self.url}/hub/api", timeout=5):
                return True
        except (OSError, urllib.error.HTTPError):
            return False


def _processes_with(text: str) -> list[int]:
    """Return the processes whose command names a folder: servers that outlive their Hub."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in place.read_bytes().decode(errors="replace"):
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found
