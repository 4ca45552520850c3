"""Proofs that are gathered, so that they share a commit: an SD card takes a hundred commits a second, and no more.

Not thread-safe: its queue has the lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.vault.deliveries import Lease

Proof = tuple[Lease, int]

MOST = 512
_BUSY, _IDLE = 0.2, 0.05  # seconds after the first of them


class Gathering:
    """What a destination answered, with the status. A crash repeats the deliveries of what was not written yet."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._proofs: list[Proof] = []
        self._since = 0.0

    def add(self, lease: Lease, status: int) -> None:
        """One more."""
        if not self._proofs:
            self._since = self._steady()
        self._proofs.append((lease, status))

    def due_in(self, *, idle: bool) -> float | None:
        """The seconds until they should be written, 0 where that is now; None where there are none. Somebody `idle`
        need not wait for as many others."""
        if not self._proofs:
            return None
        if len(self._proofs) >= MOST:
            return 0.0
        return max(0.0, self._since + (_IDLE if idle else _BUSY) - self._steady())

    def take(self) -> list[Proof]:
        """All of them, in order. Then there are none."""
        proofs, self._proofs = self._proofs, []
        return proofs
