"""Counters that a worker shares with the acceptor: a page of memory mapped before the fork, one writer, one reader."""

from __future__ import annotations

import mmap
import struct
import threading

NAMES = ("associations", "accepted", "refused", "failed_handshakes", "stored", "stored_bytes", "not_stored")
_CELL = struct.Struct("=Q")


class Tally:
    """Counts that only grow, but for `associations`, which are those open now."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._lock = threading.Lock()

    def add(self, name: str, amount: int = 1) -> None:
        """Count, in the worker."""
        offset = NAMES.index(name) * _CELL.size
        with self._lock:
            _CELL.pack_into(self._page, offset, _CELL.unpack_from(self._page, offset)[0] + amount)

    def read(self) -> dict[str, int]:
        """All counters, in the acceptor."""
        return {name: _CELL.unpack_from(self._page, index * _CELL.size)[0] for index, name in enumerate(NAMES)}
