"""Counters that a worker shares with the acceptor: a page of memory mapped before the fork, one writer, one reader."""

from __future__ import annotations

import mmap
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("associations", "accepted", "refused", "failed_handshakes", "stored", "stored_bytes", "not_stored")
_STEPS = ("begun", "done")  # messages that were being made durable, and those that came to an end
_CELL = struct.Struct("=Q")
_PAIR = struct.Struct("=QQ")


class Tally:
    """Counts that only grow, but for `associations`, which are those open now."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._lock = threading.Lock()

    def add(self, name: str, amount: int = 1) -> None:
        """Count, in the worker."""
        offset = (*NAMES, *_STEPS).index(name) * _CELL.size
        with self._lock:
            _CELL.pack_into(self._page, offset, _CELL.unpack_from(self._page, offset)[0] + amount)

    @contextmanager
    def step(self) -> Iterator[None]:
        """While a message is being made durable, in the worker."""
        self.add("begun")
        try:
            yield
        finally:
            self.add("done")

    def steps(self) -> tuple[int, int]:
        """How many messages are being made durable, and how many were, in the acceptor."""
        begun, done = _PAIR.unpack_from(self._page, len(NAMES) * _CELL.size)
        return begun - done, done

    def read(self) -> dict[str, int]:
        """All counters, in the acceptor."""
        return {name: _CELL.unpack_from(self._page, index * _CELL.size)[0] for index, name in enumerate(NAMES)}
