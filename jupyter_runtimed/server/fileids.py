"""Which room belongs to which file: `jupyter_server_fileid`'s business, where it is enabled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_server.utils import ensure_async

from ..errors import NotFound
from ..ids import RoomId


class FileIds:
    def __init__(self, settings: Mapping[str, Any], contents: Any, root_dir: str) -> None:
        # The other extension may be loaded later than this one, so it is looked up when needed.
        self._settings = settings
        self._contents = contents
        self._root = Path(root_dir).resolve()

    def ask(self, contents: Any) -> None:
        """Which contents manager knows what there is."""
        self._contents = contents

    async def room_id(self, path: str) -> RoomId:
        """The room of the notebook at this API path; stable as long as the file lives."""
        manager = self._settings.get("file_id_manager")
        if manager is None:
            place = f"{self._root}\0{path}"
            return RoomId(hashlib.sha256(place.encode()).hexdigest()[:32])
        found = manager.get_id(path)
        # An id that is made for a file that is not there stands in the way of one renamed to it.
        if found is None and await ensure_async(self._contents.file_exists(path)):
            found = _index(manager, path)
        if found is None:
            raise NotFound(f"there is no notebook {path}; is it another folder, or another name?")
        return RoomId(str(found))

    def moved(self, old_path: str, new_path: str) -> None:
        """A file or folder was renamed. Managers that hand on to others say so to nobody else."""
        manager = self._settings.get("file_id_manager")
        if manager is not None and manager.get_id(new_path) is None and manager.get_id(old_path):
            manager.move(old_path, new_path)

    def deleted(self, path: str) -> None:
        """Another file of this name is another notebook."""
        manager = self._settings.get("file_id_manager")
        if manager is not None and manager.get_id(path) is not None:
            manager.delete(path)


def _index(manager: Any, path: str) -> Any:
    """The id of a new file. Its folders get one too: only then are moves of them heard of."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        manager.index("/".join(parts[:depth]))
    return manager.index(path)
