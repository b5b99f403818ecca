"""A real JupyterHub with a real proxy, in a separate environment (`make build/hub.stamp`).

The proxy (configurable-http-proxy) has its own process, so that a test can restart it without the
Hub. Single-user servers run this tree's extension. Users log in with any name and any password.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

REPOSITORY = Path(__file__).parents[2]
HUB = REPOSITORY / "build" / "hub"
NOT_THERE = "JupyterHub has an environment of its own: make test-hub"
ADMIN_TOKEN = "a-token-for-the-tests-of-the-hub"
PROXY_TOKEN = "a-token-for-the-proxy-of-the-hub"
PASSWORD = "any"
START_SECONDS = 90.0

CONFIG = """
import os
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_bind_url = {hub_url!r}
c.JupyterHub.db_url = "sqlite:///{home}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{home}/cookie_secret"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {{"admin"}}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{home}/users/{{username}}"
c.Spawner.cmd = [{single_user!r}]
c.Spawner.args = ["--allow-root"] + {args!r}
c.Spawner.environment = {environment!r}
c.Spawner.http_timeout = c.Spawner.start_timeout = 60
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = {api_url!r}
c.ConfigurableHTTPProxy.auth_token = {proxy_token!r}
c.JupyterHub.cleanup_servers = True
c.JupyterHub.services = [dict(name="tests", api_token={admin_token!r})]
c.JupyterHub.load_roles = [dict(name="tests", services=["tests"], scopes=[
    "admin:users", "admin:servers", "tokens", "access:servers", "proxy", "groups", "shares",
    "list:users", "read:users", "delete:servers"])]
{more}
"""


class JupyterHub:
    """One Hub and its proxy on free ports of this machine; everything it writes lies in `home`."""

    def __init__(self, home: Path, *, args: tuple[str, ...] = (), config: str = "") -> None:
        """`args`: further options of single-user servers; `config`: lines of jupyterhub_config."""
        self.home = home
        self._proxy: subprocess.Popen[bytes] | None = None
        self._hub: subprocess.Popen[bytes] | None = None
        self._port, self._api_port, self._hub_port = (_free_port() for _ in range(3))
        self.url = f"http://127.0.0.1:{self._port}"
        home.mkdir(parents=True, exist_ok=True)
        settings = home / "config" / "jupyter_server_config.d"
        settings.mkdir(parents=True)
        shutil.copy(REPOSITORY / "jupyter-config/server/jupyter_runtimed.json", settings)
        venv = REPOSITORY / ".venv"
        environment = {
            "JUPYTER_CONFIG_PATH": f"{home / 'config'}:{venv / 'etc/jupyter'}",
            "JUPYTER_PATH": str(venv / "share/jupyter"),
            "JUPYTERLAB_DIR": str(venv / "share/jupyter/lab"),
            "PYTHONPATH": str(REPOSITORY),
        }
        expose = "--LabApp.expose_app_in_browser=True"
        written = CONFIG.format(
            url=self.url, hub_url=f"http://127.0.0.1:{self._hub_port}", home=home,
            single_user=str(HUB / "bin/jupyterhub-singleuser"), args=[expose, *args],
            environment=environment, api_url=f"http://127.0.0.1:{self._api_port}",
            proxy_token=PROXY_TOKEN, admin_token=ADMIN_TOKEN, more=config,
        )  # fmt: skip
        (home / "jupyterhub_config.py").write_text(written)

    # ------------------------------------------------------------ the Hub and its proxy

    def start(self) -> None:
        """Return when the Hub answers through its proxy."""
        self.start_proxy()
        self.start_hub()

    def stop(self) -> None:
        self.stop_hub()
        self.stop_proxy()

    def start_proxy(self) -> None:
        """A new proxy knows no route: it answers 404 to everything until the Hub tells it."""
        program = HUB / "node_modules/.bin/configurable-http-proxy"
        argv = [
            str(program), "--ip=127.0.0.1", f"--port={self._port}", "--api-ip=127.0.0.1",
            f"--api-port={self._api_port}", "--error-target",
            f"http://127.0.0.1:{self._hub_port}/hub/error",
        ]  # fmt: skip
        self._proxy = self._run(argv, "proxy.log", CONFIGPROXY_AUTH_TOKEN=PROXY_TOKEN)
        self._until(lambda: _listens(self._port) and _listens(self._api_port), self._proxy)

    def stop_proxy(self) -> None:
        self._proxy = _ended(self._proxy)

    def start_hub(self) -> None:
        argv = [str(HUB / "bin/jupyterhub"), "-f", str(self.home / "jupyterhub_config.py")]
        self._hub = self._run(argv, "hub.log")
        self._until(lambda: self.ask("GET", "")[0] == 200, self._hub)

    def stop_hub(self) -> None:
        """Stop the Hub with SIGTERM, as a service manager does; single-user servers end with it."""
        self._hub = _ended(self._hub)

    def tell_routes(self) -> None:
        """Make the Hub compare the proxy's routes with its own, as it does at intervals."""
        self._must("POST", "proxy", base=f"http://127.0.0.1:{self._hub_port}")

    # ------------------------------------------------------------ users and their servers

    def add_user(self, user: str) -> None:
        self._must("POST", f"users/{quote(user)}", known=(409,))

    def start_server(self, user: str) -> str:
        """Return the url of the user's server when the Hub says that it is ready."""
        self.add_user(user)
        self._must("POST", f"users/{quote(user)}/server", known=(400,))
        self._until(lambda: self._ready(user), self._hub)
        return self.server_url(user)

    def stop_server(self, user: str) -> None:
        """Stop a server as "Stop My Server" on the Hub's page or the idle culler does."""
        self._must("DELETE", f"users/{quote(user)}/server", known=(404,))
        self._until(lambda: not self._servers(user), self._hub)

    def server_url(self, user: str) -> str:
        return f"{self.url}/user/{quote(user)}"

    def token(self, user: str, *scopes: str) -> str:
        """Return a new API token of a user, by default with all permissions of the user."""
        self.add_user(user)
        body = {"note": "tests"} | ({"scopes": list(scopes)} if scopes else {})
        return str(self._must("POST", f"users/{quote(user)}/tokens", body)["token"])

    def revoke_tokens(self, user: str) -> None:
        for token in self._must("GET", f"users/{quote(user)}/tokens")["api_tokens"]:
            self._must("DELETE", f"users/{quote(user)}/tokens/{token['id']}", known=(404,))

    def folder(self, user: str) -> Path:
        """The root folder of the user's notebooks."""
        folder = self.home / "users" / user
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def log(self) -> str:
        return (self.home / "hub.log").read_text(errors="replace")

    # ------------------------------------------------------------ the Hub's API

    def ask(self, method: str, path: str, body: Any = None, *, base: str = "") -> tuple[int, Any]:
        """Return status and JSON of the Hub's answer; (0, None) without an answer."""
        request = urllib.request.Request(
            f"{base or self.url}/hub/api/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"token {ADMIN_TOKEN}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, None

    def _must(
        self, method: str, path: str, body: Any = None, *, known: tuple[int, ...] = (), **to: str
    ) -> Any:
        status, answer = self.ask(method, path, body, **to)
        assert 200 <= status < 300 or status in known, (method, path, status, answer, self.log())
        return answer

    def _servers(self, user: str) -> dict[str, Any]:
        found = self._must("GET", f"users/{quote(user)}")
        return dict(found.get("servers") or {})

    def _ready(self, user: str) -> bool:
        return any(server["ready"] for server in self._servers(user).values())

    def _run(self, argv: list[str], log: str, **more: str) -> subprocess.Popen[bytes]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")} | more
        env["PATH"] = f"{HUB / 'bin'}:{env['PATH']}"
        with (self.home / log).open("ab") as said:
            return subprocess.Popen(argv, cwd=self.home, env=env, stdout=said, stderr=said)

    def _until(self, true: Callable[[], bool], process: subprocess.Popen[bytes] | None) -> None:
        # Other programs send no event when they are ready, so the test must poll.
        deadline = time.monotonic() + START_SECONDS
        while not true():
            assert process is not None, "the Hub was not started"
            assert process.poll() is None, f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"the Hub is not ready:\n{self.log()}"
            time.sleep(0.05)


def _ended(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
