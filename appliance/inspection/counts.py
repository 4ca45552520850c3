"""Counts what happens again and again within a window, for as many keys as there is room. Pure.

The key that was used longest ago goes first. Of distinct items no more are remembered than a few times the threshold.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from appliance.base import limits

_REMEMBERED = 8  # times the threshold


class _Count:
    __slots__ = ("count", "items", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.count = 0
        self.items: set[Hashable] = set()


class Counts:
    """Windows of `window` seconds, one a key."""

    def __init__(self, window: float, threshold: int) -> None:
        self._window = window
        self._threshold = threshold
        self._counts: OrderedDict[Hashable, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, key: Hashable, now: float, item: Hashable = None) -> int:
        """It happened once more; with an `item`, only what did not happen before counts.

        Gives the count each time it is a multiple of the threshold, else 0.
        """
        entry = self._counts.get(key)
        if entry is None or not 0 <= now - entry.since < self._window:
            entry = self._counts[key] = _Count(now)
            if len(self._counts) > limits.SENSOR_SOURCES.default:
                self._counts.popitem(last=False)
        self._counts.move_to_end(key)
        if item is not None:
            if item in entry.items or len(entry.items) >= _REMEMBERED * self._threshold:
                return 0
            entry.items.add(item)
        entry.count += 1
        return 0 if entry.count % self._threshold else entry.count
