"""A real Jupyter server with this extension, in the process and on the loop of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from jupyter_server.serverapp import ServerApp

# Import fixtures one by one, because the plugin's hooks would run tests on their own event loop.
from pytest_jupyter.jupyter_core import (  # noqa: F401
    echo_kernel_spec,
    jp_config_dir,
    jp_data_dir,
    jp_env_config_path,
    jp_env_jupyter_path,
    jp_environ,
    jp_home_dir,
    jp_kernel_dir,
    jp_runtime_dir,
    jp_system_config_path,
    jp_system_jupyter_path,
)
from pytest_jupyter.jupyter_server import (  # noqa: F401
    jp_argv,
    jp_auth_header,
    jp_base_url,
    jp_configurable_serverapp,
    jp_fetch,
    jp_http_port,
    jp_logging_stream,
    jp_nbconvert_templates,
    jp_root_dir,
    jp_server_cleanup,
    jp_serverapp,
    jp_web_app,
    jp_ws_fetch,
)
from pytest_jupyter.pytest_tornasync import (  # noqa: F401
    http_server,
    http_server_client,
    http_server_port,
)

from .clients import Place


@pytest_asyncio.fixture
async def jp_asyncio_loop() -> asyncio.AbstractEventLoop:
    """The test's event loop, for the plugin's fixtures."""
    return asyncio.get_running_loop()


@pytest.fixture
def settings() -> dict[str, Any]:
    """Configuration in addition to enabling the extension; tests override it."""
    return {}


@pytest.fixture
def jp_server_config(settings: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """`jpserver_extensions` and short intervals, overridden by the test's settings."""
    config: dict[str, Any] = {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_runtimed": True, "jupyter_server_fileid": True}
        },
        "BaseFileIdManager": {"db_path": str(tmp_path / "file_ids.db")},
        "RuntimedExtension": {
            "data_dir": str(tmp_path / "rooms"),
            "autosave_delay": 0.05,
            "autosave_max_delay": 0.5,
        },
        # Jupyter Server polls for dead kernels.
        "KernelRestarter": {"time_to_dead": 0.2},
    }
    for name, traits in settings.items():
        config.setdefault(name, {}).update(traits)
    return config


@pytest_asyncio.fixture
async def place(
    jp_serverapp: ServerApp,  # noqa: F811
    jp_fetch: Callable[..., Any],  # noqa: F811
    jp_http_port: int,  # noqa: F811
    jp_base_url: str,  # noqa: F811
) -> AsyncIterator[Place]:
    """The server, as its users see it."""
    place = Place(jp_serverapp, jp_fetch, f"http://127.0.0.1:{jp_http_port}{jp_base_url}")
    yield place
    await place.leave()
