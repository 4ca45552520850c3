"""The alert log: JSON lines in a file that only grows, rotated by size. Several processes may write, anybody may read.

Every record is written with one append, so records never mix; after a crash the last line may be cut short, and readers
pass over it. Writers find out by themselves when another one rotated the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from appliance.base import limits
from appliance.base.errors import DiskError

_MODE = 0o640


class AlertLog:
    """The writer's side. `path` is the newest file, `path.1` the one before it, up to `keep` old ones."""

    def __init__(
        self,
        path: Path,
        max_bytes: int = limits.ALERT_LOG.default,
        keep: int = 4,
        *,
        there: Callable[[], bool] = lambda: True,
    ) -> None:
        """Raises DiskError where it cannot be written; not where its directory is not `there` yet."""
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._descriptor = -1
        self._torn = False  # the last line was cut short, by a full disk or a crash
        self._there = there
        self._waiting: deque[bytes] = deque(maxlen=limits.ALERT_BACKLOG.default)
        self._unsettled = False
        self._settling: threading.Thread | None = None
        if not there():
            return
        try:
            self._open()
        except OSError as error:
            raise DiskError(
                f"cannot write alerts to {path}: {error.strerror}", fix="Check the directory and its owner."
            ) from None
        self.close()

    def append(self, record: dict[str, Any]) -> None:
        """Write one record. Raises DiskError where it cannot be yet: it is kept, and `catch_up` tries again."""
        self._waiting.append(json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n")
        self.catch_up()

    def catch_up(self) -> None:
        """Write what waits, the oldest first. Raises DiskError.

        The file is open no longer than that: one that is held open keeps a file system that failed from being mended.
        """
        if not self._waiting:
            return
        if not self._there():
            raise DiskError(f"cannot write an alert to {self._path}: its disk is not mounted", fix="Mount it.")
        try:
            self._open()
            while self._waiting:
                self._write(self._waiting[0])
                self._waiting.popleft()
                self._unsettled = True
        except OSError as error:
            raise DiskError(
                f"cannot write an alert to {self._path}: {error.strerror}", fix="Make room on the disk."
            ) from None
        finally:
            self.close()

    def settle_beside(self) -> None:
        """Have what was written outlive a power cut, in a thread of its own: who watches must not wait for a disk."""
        if not self._unsettled or (self._settling and self._settling.is_alive()):
            return
        self._unsettled = False
        self._settling = threading.Thread(target=self._settle, daemon=True)
        self._settling.start()

    def _settle(self) -> None:
        for path, kind in ((self._path, 0), (self._path.parent, os.O_DIRECTORY)):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | kind)
            except OSError:
                continue
            try:
                os.fsync(descriptor)
            except OSError:
                pass  # what it keeps from being written is told by `append`
            finally:
                os.close(descriptor)

    def _write(self, line: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        if size and size + len(line) > self._max_bytes:
            self._rotate()
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        self._torn = 0 < written < len(line) or (self._torn and not written)
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> None:
        self.close()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, _MODE)
        size = os.fstat(self._descriptor).st_size
        self._torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def _current(self) -> bool:
        """Whether our descriptor still is the newest file."""
        if self._descriptor < 0:
            return False
        try:
            named, ours = self._path.lstat(), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _rotate(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # given up when the descriptor is closed
        if self._current():
            for number in range(self._keep, 0, -1):
                older = numbered(self._path, number - 1)
                if older.exists():
                    older.replace(numbered(self._path, number))
        self._open()

    def close(self) -> None:
        """Release the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def numbered(path: Path, number: int) -> Path:
    """The name of a file that was rotated so many times."""
    return path.with_name(f"{path.name}.{number}") if number else path


def read_alerts(path: Path) -> Iterator[dict[str, Any]]:
    """All records that are kept, the oldest first. What is no record, such as a line cut short, is passed over."""
    with contextlib.ExitStack() as opened:
        files: list[BinaryIO] = []
        for number in itertools.count():  # all of them now: they are renamed while we read
            try:
                files.append(opened.enter_context(numbered(path, number).open("rb")))
            except FileNotFoundError:
                if number:
                    break
        for file in reversed(files):
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record
