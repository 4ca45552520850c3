"""What of a store a PACS has said it stored, across runs: the memory of `appliance deliver`.

One SQLite file of random object ids and statuses; no patient data is in it. An object is in it when the PACS's answer
for that instance was a success and the row is on the medium, and not before. Whoever has it open has it alone.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from appliance.base.errors import ConfigError, DiskError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS way (source TEXT NOT NULL, target TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivered (object_id TEXT PRIMARY KEY, status INTEGER NOT NULL) WITHOUT ROWID;
"""


class TransferState:
    """The delivered objects of one way, from a store to a PACS. Thread-safe. Raises DiskError."""

    def __init__(self, path: Path, source: str, target: str) -> None:
        """Open or make the file. Raises ConfigError for one of another way, or that is in use or none of ours."""
        self._path = path
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        except sqlite3.Error as error:
            raise DiskError(
                f"cannot open {path}: {error}", fix="Check the directory and who may write there."
            ) from None
        try:
            self._begin(source, target)
        except BaseException:
            self._database.close()
            raise

    def _begin(self, source: str, target: str) -> None:
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA secure_delete = OFF")
            self._database.execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA.split(";"):
                self._database.execute(statement)
            ways = self._database.execute("SELECT source, target FROM way").fetchall()
            if not ways:
                self._database.execute("INSERT INTO way VALUES (?, ?)", (source, target))
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ConfigError(
                    f"{self._path} is in use", fix="Wait for the other `appliance deliver`, or name another --state."
                ) from None
            raise DiskError(f"cannot use {self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise ConfigError(f"{self._path} is no state file of `appliance deliver`", fix="Name another.") from None
        if ways and ways != [(source, target)]:
            raise ConfigError(
                f"{self._path} is of another way: from {ways[0][0]} to {ways[0][1]}",
                fix="Name a --state of its own for each way.",
            )

    def has(self, object_id: str) -> bool:
        """Whether the PACS has it."""
        with self._lock:
            row = self._database.execute("SELECT 1 FROM delivered WHERE object_id = ?", (object_id,)).fetchone()
        return row is not None

    def delivered(self, object_id: str, status: int) -> None:
        """The PACS answered with a success; durable when this returns."""
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO delivered VALUES (?, ?)", (object_id, status))
        except sqlite3.Error as error:
            raise DiskError(f"cannot write {self._path}: {error}", fix="Check the disk.") from None

    def close(self) -> None:
        """Let others open it."""
        with self._lock:
            self._database.close()
