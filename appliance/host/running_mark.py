"""A file that says that a program runs: one that is there at the start was left by a program that was killed.

What it is for is to say how long nobody looked; nothing depends on it, so a disk that refuses is no error here.
"""

from __future__ import annotations

import os
import time
from pathlib import Path


class RunningMark:
    """`gap` is how many seconds ago the last one was alive that did not end as told; None where all did."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.gap: float | None = None
        try:
            self.gap = max(0.0, time.time() - path.lstat().st_mtime)
        except OSError:
            pass
        self.alive()

    def alive(self) -> None:
        """We are."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        except OSError:
            return
        try:
            os.utime(descriptor)
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def ended(self) -> None:
        """As told."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            pass
