"""Notices that files were replaced: certificates, keys, revocation lists that some other tool renews.

Looks when it is asked and never by itself, so that a process that must have one thread has no other. A certificate and
its key are replaced one after the other; a change counts when nothing has changed since the look before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_Signature = tuple[tuple[int, int, int], ...]


class Renewal:
    """The files of a configuration, as they were when it was read."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self._used = self._last = self._look()

    def due(self) -> bool:
        """Whether they are others than those in use, and came to rest. True once for each change."""
        now = self._look()
        rests, self._last = now == self._last, now
        if now == self._used or not rests:
            return False
        self._used = now
        return True

    def _look(self) -> _Signature:
        return tuple(_signature(path) for path in self._paths)


def _signature(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)
