"""The settings: traits with help texts, and the frozen `Config` made from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir
from traitlets import Bool, Float, Integer, Unicode, default
from traitlets.config import Configurable

from ..protocol.frames import CHANGE_BYTES
from ..room.settings import Settings


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the server extension; sizes in bytes, times in `room` in milliseconds."""

    data_dir: Path
    room: Settings
    backlog_bytes: int
    frame_bytes: int
    permission_check_interval: float
    identity_check_interval: float


class RuntimedTraits(Configurable):
    """Traits of `RuntimedExtension`: `c.RuntimedExtension.NAME`, `--RuntimedExtension.NAME`."""

    autosave = Bool(
        True, help="Write the `.ipynb` automatically. If off, only when a user saves."
    ).tag(config=True)
    autosave_delay = Float(
        1.0, min=0.0, help="Autosave writes the file after this many seconds without an edit."
    ).tag(config=True)
    autosave_max_delay = Float(
        5.0,
        min=0.0,
        help="Autosave waits at most this many seconds while editing continues.",
    ).tag(config=True)
    room_idle_timeout = Float(
        60.0,
        min=0.0,
        help="Seconds that a room stays in memory without clients, runs and unsaved edits.",
    ).tag(config=True)
    inline_output_limit = Integer(
        8192,
        min=256,
        help="Outputs with at least this many characters become blobs outside the document.",
    ).tag(config=True)
    data_dir = Unicode(
        help="The folder for the stored rooms and blobs; it must be on a local disk."
    ).tag(config=True)
    max_message_size = Integer(
        CHANGE_BYTES, min=1 << 16, help="The largest frame that a client may send."
    ).tag(config=True)
    max_send_buffer = Integer(
        16 << 20,
        min=1 << 20,
        help="The server disconnects a client with more unread bytes than this, beyond one message "
        "of any size. The client reconnects by itself and fetches the missing changes.",
    ).tag(config=True)
    max_history_changes = Integer(
        10_000,
        min=0,
        help="A notebook with more changes than this gets a new document once all clients have "
        "left, so that it opens fast. The archive keeps the old document with its whole history "
        "for `jupyter runtimed export`. 0: never.",
    ).tag(config=True)
    max_history_size = Integer(
        8 << 20,
        min=1 << 16,
        help="An open notebook gets a new document at the next pause, and its clients reconnect, "
        "when its history has grown by more bytes than this and by more than four times the size "
        "of its content. `max_history_changes = 0` disables this rotation too.",
    ).tag(config=True)
    call_timeout = Float(
        10.0, min=0.0, help="Seconds that a call waits for the edits that it depends on."
    ).tag(config=True)

    permission_check_interval = Float(
        10.0,
        min=0.1,
        max=30.0,
        help="Seconds between checks of each open connection's permissions with the authorizer.",
    ).tag(config=True)
    identity_check_interval = Float(
        120.0,
        min=0.0,
        max=600.0,
        help="Seconds between checks of each open connection's user with the identity provider. "
        "Each check sends a copy of the connection's first request, and asks JupyterHub without "
        "its cache. 0: never, for a provider that accepts each request only once.",
    ).tag(config=True)

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return str(Path(jupyter_data_dir()) / "runtimed")

    def to_config(self) -> Config:
        return Config(
            data_dir=Path(self.data_dir),
            room=Settings(
                quiet_ms=_ms(self.autosave_delay),
                longest_ms=max(_ms(self.autosave_max_delay), _ms(self.autosave_delay)),
                idle_ms=_ms(self.room_idle_timeout),
                autosave=self.autosave,
                heads_ms=_ms(self.call_timeout),
                inline_chars=self.inline_output_limit,
                change_bytes=self.max_message_size,
                history_changes=self.max_history_changes,
                history_bytes=self.max_history_size,
            ),
            backlog_bytes=self.max_send_buffer,
            frame_bytes=self.max_message_size,
            permission_check_interval=self.permission_check_interval,
            identity_check_interval=self.identity_check_interval,
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
