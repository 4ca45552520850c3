"""Keeps one noisy neighbour from filling the log: so many lines a key and period, the rest counted. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Throttle:
    """Lets `burst` events a `period` (seconds) pass for each key; remembers `keys` keys at most, oldest forgotten."""

    def __init__(self, burst: int = 5, period: float = 60.0, keys: int = 1024) -> None:
        self._burst = burst
        self._period = period
        self._keys = keys
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def passes(self, key: Hashable, now: float) -> tuple[bool, int]:
        """Whether an event with `key` at `now` may be said, and how many were swallowed since the last that was."""
        start, count = self._seen.pop(key, (now, 0))
        swallowed = 0
        if now - start >= self._period or now < start:
            swallowed = max(0, count - self._burst)
            start, count = now, 0
        self._seen[key] = (start, count + 1)
        if len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return count < self._burst, swallowed


def not_shown(swallowed: int) -> str:
    """What to add to the line that is said after others were swallowed; nothing if none was."""
    return f" ({swallowed} more like this were not shown)" if swallowed else ""
