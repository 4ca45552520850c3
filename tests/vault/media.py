"""Disks for the tests: one that writes down what it is asked, and one that fails when told to.

An I/O error and the order of flushes cannot be had from a healthy disk; everything else is tried on real file systems.
"""

from __future__ import annotations

import errno
import os
from io import BufferedReader
from pathlib import Path
from threading import Lock

from appliance.vault.medium import Medium
from appliance.vault.refusals import refused


class Recording(Medium):
    """The real disk, with a transcript: (operation, what) in order; payload writes and closes are left out."""

    def __init__(self) -> None:
        self.transcript: list[tuple[str, str]] = []
        self.failing: dict[str, int] = {}
        self._lock = Lock()

    def _did(self, operation: str, what: str = "") -> None:
        with self._lock:
            self.transcript.append((operation, what))
        if operation in self.failing:
            error = self.failing[operation]
            raise refused(f"{operation} (told to fail)", OSError(error, os.strerror(error)))

    def fail(self, operation: str, error: int = errno.EIO) -> None:
        """From now on this operation fails."""
        self.failing[operation] = error

    def create_named(self, path: Path) -> int:
        self._did("create named", path.suffix)
        return super().create_named(path)

    def open_to_write(self, path: Path) -> int:
        self._did("open to write", path.suffix)
        return super().open_to_write(path)

    def unlock(self, descriptor: int) -> None:
        self._did("unlock")
        super().unlock(descriptor)

    def create(self, directory: Path) -> int:
        self._did("create", directory.name)
        return super().create(directory)

    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> None:
        self._did("write", "header" if offset == 0 else "payload")
        super().write_at(descriptor, data, offset)

    def start_writing(self, descriptor: int, offset: int, length: int) -> None:
        self._did("start writing", f"{offset} + {length}")
        super().start_writing(descriptor, offset, length)

    def sync_data(self, descriptor: int) -> None:
        self._did("sync data")
        super().sync_data(descriptor)

    def link(self, descriptor: int, path: Path | str) -> None:
        parent = Path(path).parent
        self._did("link", parent.parent.name if parent.name != "incoming" else "incoming")
        super().link(descriptor, path)

    def sync_directory(self, directory: Path) -> None:
        self._did("sync directory", "objects" if directory.parent.name == "objects" else directory.name)
        super().sync_directory(directory)

    def rename(self, old: Path, new: Path) -> None:
        self._did("rename", f"{old.parent.name} to {new.parent.name}")
        super().rename(old, new)

    def unlink(self, path: Path | str) -> None:
        self._did("unlink", "incoming" if Path(path).parent.name == "incoming" else "objects")
        super().unlink(path)


class BadSector(Medium):
    """The real disk, on which one file cannot be read."""

    def __init__(self) -> None:
        self.spoilt: Path | None = None

    def open(self, path: Path | str) -> BufferedReader:
        if path == self.spoilt:
            raise refused("open a file", OSError(errno.EIO, os.strerror(errno.EIO)))
        return super().open(path)
