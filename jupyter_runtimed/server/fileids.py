"""Which room belongs to which file: `jupyter_server_fileid`'s business, where it is enabled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import NotFound
from ..ids import RoomId


class FileIds:
    def __init__(self, settings: Mapping[str, Any], root_dir: str) -> None:
        # The other extension may be loaded later than this one, so it is looked up when needed.
        self._settings = settings
        self._root = root_dir

    def room_id(self, path: str) -> RoomId:
        """The room of the notebook at this API path; stable as long as the file lives."""
        manager = self._settings.get("file_id_manager")
        if manager is None:
            place = f"{Path(self._root).resolve()}\0{path}"
            return RoomId(hashlib.sha256(place.encode()).hexdigest()[:32])
        found = manager.index(path)
        if found is None:
            raise NotFound(f"there is no notebook at {path!r}")
        return RoomId(str(found))
