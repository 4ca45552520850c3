"""How many associations each peer has open, over all workers, of this generation and of those that are ending.

A peer that may have N has N places, and a place is one byte of a file without a name that all workers share, taken
with a record lock (fcntl(2)). The kernel takes the locks of a dead worker back by itself, so no count can be left
wrong; nobody has to be asked, and a peer without a limit costs nothing. A limit that is lowered holds for those that
come; those above it stay until they end.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from dataclasses import dataclass

_MOST = 1 << 10  # places of one peer, limits.ASSOCIATIONS.ceiling


@dataclass(frozen=True, slots=True)
class Taken:
    """A place that an association has: an offset in the file."""

    offset: int


class Places:
    """Made once, before any fork, by a process that takes none itself. The threads of a worker share one of these."""

    def __init__(self) -> None:
        self._file = os.memfd_create("associations", os.MFD_CLOEXEC)
        self._lock = threading.Lock()
        self._ours: set[int] = set()  # a record lock belongs to the process: among threads this set decides

    def take(self, peer: str, limit: int) -> Taken | None:
        """A place of this peer, by its name; None when `limit` are taken."""
        first = int.from_bytes(hashlib.sha256(peer.encode()).digest()[:6], "big") * _MOST
        with self._lock:
            for offset in range(first, first + min(limit, _MOST)):
                if offset not in self._ours and self._locks(offset):
                    self._ours.add(offset)
                    return Taken(offset)
        return None

    def leave(self, taken: Taken) -> None:
        """Give a place back."""
        with self._lock:
            self._ours.discard(taken.offset)
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, taken.offset)

    def _locks(self, offset: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError:
            return False
        return True
