"""The settings, as traits with help texts, and the one frozen value that they become."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Float, Integer, Unicode, default
from traitlets.config import Configurable

from ..protocol.frames import CHANGE_BYTES
from ..room.events import Settings


@dataclass(frozen=True, slots=True)
class Config:
    """What the server part needs to know; sizes in bytes, `room` in milliseconds."""

    data_dir: Path
    room: Settings
    backlog_bytes: int
    frame_bytes: int


class Settable(Configurable):
    """Traits of `RuntimedExtension`: `c.RuntimedExtension.NAME`, `--RuntimedExtension.NAME`."""

    autosave = Bool(True, help="Write the `.ipynb` by itself. Off: only when somebody saves.").tag(
        config=True
    )
    autosave_quiet_seconds = Float(
        1.0, min=0.0, help="The file is written after this long without an edit."
    ).tag(config=True)
    autosave_longest_seconds = Float(
        5.0, min=0.0, help="While editing goes on, the file is written at least this often."
    ).tag(config=True)
    room_idle_seconds = Float(
        60.0,
        min=0.0,
        help="How long a room stays in memory when nobody is in it and nothing runs or is unsaved.",
    ).tag(config=True)
    inline_limit = Integer(
        8192,
        min=256,
        help="Outputs of at least this many characters are kept as blobs beside the document.",
    ).tag(config=True)
    data_dir = Unicode(
        help="Where the store and the blobs lie; a folder on a disk of this machine."
    ).tag(config=True)
    max_change_bytes = Integer(
        CHANGE_BYTES, min=1 << 16, help="The largest frame that a client may send."
    ).tag(config=True)
    max_backlog_bytes = Integer(
        256 << 20,
        min=1 << 20,
        help="A client that has this much unread is disconnected; it comes back by itself.",
    ).tag(config=True)
    history_limit = Integer(
        10_000,
        min=0,
        help="A notebook with more changes than this begins a new document when everybody has left "
        "it, so that it opens fast; the former one, with its whole history, is kept beside it for "
        "`jupyter runtimed export`. 0: never.",
    ).tag(config=True)
    heads_wait_seconds = Float(
        10.0, min=0.0, help="How long a request waits for the edits that it builds on."
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "runtimed")

    def frozen(self) -> Config:
        return Config(
            data_dir=Path(self.data_dir),
            room=Settings(
                quiet_ms=_ms(self.autosave_quiet_seconds),
                longest_ms=max(
                    _ms(self.autosave_longest_seconds), _ms(self.autosave_quiet_seconds)
                ),
                idle_ms=_ms(self.room_idle_seconds),
                autosave=self.autosave,
                heads_ms=_ms(self.heads_wait_seconds),
                inline_chars=self.inline_limit,
                change_bytes=self.max_change_bytes,
                history_changes=self.history_limit,
            ),
            backlog_bytes=self.max_backlog_bytes,
            frame_bytes=self.max_change_bytes,
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
