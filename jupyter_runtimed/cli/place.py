"""Where the data folder is: what the server would use, as far as its configuration says so."""

from __future__ import annotations

from pathlib import Path

from ..errors import NotFound
from ..host.datadir import DataDir

CONFIGS = ("jupyter_server_config", "jupyter_lab_config", "jupyter_runtimed_config")


def data_dir(given: Path | None) -> DataDir:
    """The folder, which must be there already. Raises `NotFound`."""
    root = given if given is not None else _configured()
    if not root.is_dir():
        raise NotFound(
            f"there is no data folder {root}; a server makes it when the first notebook is opened. "
            "If the server was started with another one, name it: --data-dir FOLDER"
        )
    return DataDir(root)


def _configured() -> Path:
    # Slow to import, and not needed when the folder is named.
    from jupyter_core.application import JupyterApp

    from ..server.config import Settable

    app = JupyterApp()
    for name in CONFIGS:
        app.config_file_name = name
        app.load_config_file()
    section = app.config["RuntimedExtension"]
    named = section.get("data_dir", "")
    return Path(named) if isinstance(named, str) and named else Path(Settable().data_dir)
