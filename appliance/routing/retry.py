"""Decides when a delivery is tried again, and whether a destination is tried at all. Values in, values out.

Time is seconds on any one clock; randomness is a number in [0, 1) that the caller draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: uniform between nothing and a bound that doubles up to a cap (seconds)."""

    base: float
    cap: float

    def delay(self, failures: int, random: float) -> float:
        """How long to wait after the `failures`-th failure in a row (1 is the first)."""
        doublings = min(max(failures - 1, 0), 62)
        return random * min(self.cap, self.base * 2.0**doublings)


class Circuit(Enum):
    """CLOSED: deliveries flow. OPEN: none is tried. HALF_OPEN: one is tried, and its outcome decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one destination.

    It opens at the first failure of the destination itself, for the backoff's delay, so that a dead one costs one
    attempt at a time and its queue is not worn out row by row. Failures of single instances open it when `TOLERATED`
    came in a row.
    """

    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    until: float = 0.0
    stumbles: int = 0

    def failed(self, now: float, backoff: Backoff, random: float, at_least: float = 0.0) -> Breaker:
        """After a failure of the destination itself, which may have said for how long `at_least` it wants to be left
        alone. Those that come late, while it is open already, change nothing."""
        if self.circuit is Circuit.OPEN:
            return self
        failures = self.failures + 1
        return Breaker(Circuit.OPEN, failures, now + max(at_least, backoff.delay(failures, random)))

    def stumbled(self, now: float, backoff: Backoff, random: float, at_least: float = 0.0) -> Breaker:
        """After a temporary failure of one instance, with which the destination itself may be well or not; one that
        asked to be left alone is not."""
        if self.circuit is Circuit.CLOSED and self.stumbles + 1 < TOLERATED and not at_least:
            return replace(self, stumbles=self.stumbles + 1)
        return self.failed(now, backoff, random, at_least)

    def succeeded(self) -> Breaker:
        """After anything that shows the destination at work."""
        return CLOSED

    def try_at(self, now: float) -> float | None:
        """When the next attempt may start: `now`, later, or None while the attempt of HALF_OPEN is under way."""
        if self.circuit is Circuit.HALF_OPEN:
            return None
        return max(now, self.until) if self.circuit is Circuit.OPEN else now

    def attempt(self, now: float) -> Breaker:
        """An attempt starts, which `try_at` allowed."""
        if self.circuit is Circuit.OPEN and now >= self.until:
            return replace(self, circuit=Circuit.HALF_OPEN)
        return self

    def hurried(self, now: float) -> Breaker:
        """A person says that it is worth a try now."""
        return replace(self, until=min(now, self.until)) if self.circuit is Circuit.OPEN else self

    def abandoned(self, now: float) -> Breaker:
        """The attempt of HALF_OPEN ended without an outcome; the next may start at once."""
        return replace(self, circuit=Circuit.OPEN, until=now) if self.circuit is Circuit.HALF_OPEN else self


TOLERATED = 5
CLOSED = Breaker()
