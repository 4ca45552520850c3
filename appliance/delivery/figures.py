"""What a destination's deliveries come to: how fast they go, when the backlog is gone, what went wrong last.

Not thread-safe: its queue has the lock. Holds our own words only, never a peer's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from appliance.routing.pace import Pace
from appliance.vault.deliveries import Lease, Queue


class Figures:
    """The figures of one destination since the program started."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._pace = Pace.begin(steady())
        self._instances = 0
        self._bytes = 0
        self._failures = 0
        self._last: dict[str, Any] | None = None

    def delivered(self, leases: Sequence[Lease]) -> None:
        """These were proven."""
        size = sum(lease.size for lease in leases)
        self._instances += len(leases)
        self._bytes += size
        self._pace = self._pace.add(len(leases), size, self._steady())

    def failed(self, reason: str, advice: str = "") -> None:
        """Something was not delivered, or the destination failed as a whole; `advice` says what a person can do."""
        self._failures += 1
        self._last = {"reason": reason, "advice": advice, "at": self._wall()}

    def snapshot(self, counts: Queue) -> dict[str, Any]:
        """As JSON values. Rates are a second; the counts are since the start of the program."""
        now = self._steady()
        instances, size = self._pace.per_second(now)
        drained = self._pace.drained_in(counts.waiting + counts.leased, now)
        return {
            "rate": round(instances, 3),
            "byte_rate": round(size),
            "drained_in": None if drained is None else round(drained, 1),
            "instances_sent": self._instances,
            "bytes_sent": self._bytes,
            "failed": self._failures,
            "last_error": self._last,
        }
