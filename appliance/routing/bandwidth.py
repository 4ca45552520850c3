"""The arithmetic of a bandwidth limit: a token bucket that is a value. Time is seconds on any clock that runs forward.

Who sends takes the bytes first and waits afterwards for as long as the bucket is in debt; so a piece may be longer than
the bucket is deep, several senders share one bucket in the order in which they come, and nobody starves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from appliance.config.bandwidth import Bandwidth

DEPTH = 0.1
"""Seconds of the rate that may pass at once after a rest."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` are bytes that may pass at `at`; below zero, bytes that passed in advance."""

    tokens: float = 0.0
    at: float = 0.0

    def take(self, count: int, rate: float | None, now: float) -> tuple[Bucket, float]:
        """Let `count` bytes pass at `rate` bytes a second: the bucket afterwards, and the seconds to wait before more.

        A rate of None limits nothing, and forgives the debt of before.
        """
        if rate is None:
            return Bucket(0.0, now), 0.0
        refilled = self.tokens + max(0.0, now - self.at) * rate
        left = min(refilled, rate * DEPTH) - count
        return replace(self, tokens=left, at=max(now, self.at)), max(0.0, -left / rate)


def rate_at(bandwidth: Bandwidth | None, moment: datetime | None) -> float | None:
    """Bytes a second that may pass at a moment of local time; None: as fast as it goes.

    While the clock is not set (`moment` is None) the slowest part counts: a line that others need stays usable.
    """
    if bandwidth is None:
        return None
    bits = bandwidth.slowest if moment is None else bandwidth.at(moment)
    return None if bits is None else bits / 8
