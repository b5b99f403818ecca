"""Maps files to rooms, through `jupyter_server_fileid` if that extension is enabled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server.utils import ensure_async
from jupyter_server_fileid.manager import ArbitraryFileIdManager

from ...errors import NotFound
from ...ids import RoomId


class FileIds:
    """The room ids of notebook files, by API path."""

    def __init__(self, settings: Mapping[str, Any], contents: Any, root_dir: str) -> None:
        # `jupyter_server_fileid` may load later than this extension, so look it up at each use.
        self._settings = settings
        self._contents = contents
        self._root = Path(root_dir).resolve()

    def ask(self, contents: Any) -> None:
        """Use another contents manager to check whether a file exists."""
        self._contents = contents

    async def room_id(self, path: str) -> RoomId:
        """Return the room id of the notebook at this API path; the id outlives renames.

        Without `jupyter_server_fileid` the id is a hash of the path. Raises `NotFound`.
        """
        manager = self._settings.get("file_id_manager")
        if manager is None:
            place = f"{self._root}\0{path}"
            return RoomId(hashlib.sha256(place.encode()).hexdigest()[:32])
        if not isinstance(manager, ArbitraryFileIdManager):
            # This manager reads the file's metadata on the event loop; `file_exists` first checks
            # in a thread that the folder responds.
            await ensure_async(self._contents.file_exists(path))
        found = manager.get_id(path)
        # Do not index a missing file: its id would block a later rename of another file to `path`.
        if found is None and await ensure_async(self._contents.file_exists(path)):
            found = _index(manager, path)
        if found is None:
            raise NotFound(f"the notebook {path} does not exist; check its folder and name")
        return RoomId(str(found))

    def moved(self, old_path: str, new_path: str) -> None:
        """Record that a file or folder was renamed.

        A contents manager that delegates to other managers does not report renames to
        `jupyter_server_fileid` itself.
        """
        manager = self._settings.get("file_id_manager")
        if manager is not None and manager.get_id(new_path) is None and manager.get_id(old_path):
            manager.move(old_path, new_path)

    def deleted(self, path: str) -> None:
        """Delete the id, because a later file with this name is a different notebook."""
        manager = self._settings.get("file_id_manager")
        if manager is not None and manager.get_id(path) is not None:
            manager.delete(path)


def _index(manager: Any, path: str) -> Any:
    """Return a new id for a file. Index its folders too.

    Only a move of an indexed folder updates the ids of the files in it.
    """
    parts = path.split("/")
    for depth in range(1, len(parts)):
        manager.index("/".join(parts[:depth]))
    return manager.index(path)
