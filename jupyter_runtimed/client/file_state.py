"""The state of the notebook's file, derived from the server's events."""

from __future__ import annotations

from collections.abc import Sequence

from ..peer.events import Connected, PeerEvent, RoomEvent
from ..protocol.frames import Heads


class FileState:
    """`heads`: the version in the file; None if the version is unknown or the file is deleted."""

    def __init__(self) -> None:
        self.heads: Heads | None = None
        self._unreached: str | None = None
        self._gone: str | None = None
        self._failed: str | None = None
        self._read_only: str | None = None

    @property
    def problem(self) -> str | None:
        """The reason why the server cannot write the file, or None."""
        return self._unreached or self._gone or self._failed or self._read_only

    def take(self, happened: Sequence[PeerEvent]) -> None:
        for event in happened:
            match event:
                case Connected(welcome=welcome):
                    # The server repeats each current problem after `welcome`.
                    self._unreached = self._gone = self._failed = self._read_only = None
                    if welcome.saved and "notebook" in welcome.docs:
                        self.heads = welcome.docs["notebook"][1]
                case RoomEvent(name="saved", body={"heads": list(heads)}):
                    self.heads = tuple(heads)
                    self._gone = self._failed = None
                case RoomEvent(name="merged" | "moved"):
                    self._gone = None
                case RoomEvent(name="deleted", body={"message": str(message)}):
                    self._gone, self._failed, self.heads = message, None, None
                case RoomEvent(name="save_failed", body={"message": str(message)}):
                    self._failed = message
                case RoomEvent(name="file", body={"ok": bool(ok), "message": str(message)}):
                    self._unreached = None if ok else message
                case RoomEvent(name="writable", body={"ok": bool(ok), "message": str(message)}):
                    self._read_only = None if ok else message
                case _:
                    pass
