"""How fast deliveries to a destination go, and when its backlog will be gone at that pace. Values; time is an argument.

A mean that forgets: what lies `MEMORY` back counts a third of what is now. From the first seconds on it is right, for
it knows since when it has been counting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MEMORY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Pace:
    """Instances and bytes that were delivered, each weighted by its age, since `begun`; seconds on a steady clock."""

    begun: float
    at: float
    instances: float = 0.0
    bytes: float = 0.0

    @classmethod
    def begin(cls, now: float) -> Pace:
        """Nothing so far."""
        return cls(now, now)

    def add(self, instances: int, size: int, now: float) -> Pace:
        """So many more were delivered, of so many bytes."""
        kept = math.exp(-max(0.0, now - self.at) / MEMORY)
        return Pace(self.begun, max(now, self.at), self.instances * kept + instances, self.bytes * kept + size)

    def per_second(self, now: float) -> tuple[float, float]:
        """Instances and bytes a second, now."""
        kept = math.exp(-max(0.0, now - self.at) / MEMORY)
        span = MEMORY * -math.expm1(-max(1.0, now - self.begun) / MEMORY)
        return self.instances * kept / span, self.bytes * kept / span

    def drained_in(self, waiting: int, now: float) -> float | None:
        """Seconds until `waiting` instances are delivered if it goes on like this; None: it does not look like it."""
        if not waiting:
            return 0.0
        rate, _ = self.per_second(now)
        return waiting / rate if rate > SLOWEST else None


SLOWEST = 1 / 600.0  # instances a second; below that nobody would believe a forecast
