"""A real JupyterHub for the tests of this folder, which `make test-hub` sets up and runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.jupyterhub import HUB, NOT_THERE, JupyterHub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """One Hub for all tests; each test has its own user."""
    if not (HUB / "bin/jupyterhub").exists():
        pytest.skip(NOT_THERE)
    hub = JupyterHub(tmp_path_factory.mktemp("hub"))
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
