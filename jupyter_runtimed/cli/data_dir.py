"""Finds the server's data folder, from the option `--data-dir` or the server's configuration."""

from __future__ import annotations

from pathlib import Path

from ..errors import NotFound
from ..host.storage.data_dir import DataDir

CONFIGS = ("jupyter_server_config", "jupyter_lab_config", "jupyter_runtimed_config")


def data_dir(given: Path | None) -> DataDir:
    """Return the data folder. Raises `NotFound` if the folder does not exist."""
    root = given if given is not None else _configured()
    if not root.is_dir():
        raise NotFound(
            f"the data folder {root} does not exist; a server creates it when it opens the first "
            "notebook. If the server uses another folder, give that one: --data-dir FOLDER"
        )
    return DataDir(root)


def _configured() -> Path:
    # Import late, because the import is slow and `--data-dir` does not need it.
    from jupyter_core.application import JupyterApp

    from ..server.config import RuntimedTraits

    app = JupyterApp()
    for name in CONFIGS:
        app.config_file_name = name
        app.load_config_file()
    section = app.config["RuntimedExtension"]
    named = section.get("data_dir", "")
    return Path(named) if isinstance(named, str) and named else Path(RuntimedTraits().data_dir)
