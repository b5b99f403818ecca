"""The tables of the store, how a connection to them is opened, and what other versions mean.

rooms      where a room's file is, and which version of the room the file was last saved from
documents  a whole document; `version` counts how often it was replaced
changes    what came after it, in order
damaged    rows that failed their checksum, put aside as they were found
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..errors import StorageError

VERSION = 1
BUSY_SECONDS = 2.0
"""How long one server waits for another one's transaction before it says that it has to."""

_TABLES = """
CREATE TABLE rooms (
    room TEXT PRIMARY KEY, path TEXT NOT NULL DEFAULT '', saved TEXT, intended TEXT
) WITHOUT ROWID;
CREATE TABLE documents (
    room TEXT NOT NULL, name TEXT NOT NULL, epoch TEXT NOT NULL, version INTEGER NOT NULL,
    data BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (room, name)
);
CREATE TABLE changes (
    room TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, epoch TEXT NOT NULL,
    data BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (room, name, seq)
) WITHOUT ROWID;
CREATE TABLE damaged (
    room TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER, epoch TEXT, data BLOB, crc INTEGER
);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing store; a commit is on the disk when it returns.

    A file that has vanished is an error: a new, empty one would pretend that nothing was lost.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        # See datadir: a copy of the folder is valid as long as no checkpoint falls into it.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def prepare(path: Path) -> None:
    """Make the store if there is none; raises `StorageError` if it cannot be used."""
    try:
        path.touch(mode=0o600)
        connection = connect(path)
        try:
            _prepare(connection, path)
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise StorageError(
            f"the store {path} cannot be opened ({error}); if it is damaged, move it away: "
            "notebooks on disk are not part of it, edits that were never saved to a file are"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == 0:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:
            for statement in filter(str.strip, _TABLES.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    if (found := _version(connection)) > VERSION:
        raise StorageError(
            f"the store {path} was written by a newer version of jupyter_runtimed (schema {found}, "
            f"this one knows {VERSION}); upgrade, or choose another data folder in the settings"
        )


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
