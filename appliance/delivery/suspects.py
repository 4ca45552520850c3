"""Tells an instance that makes its destination fail from a destination that fails.

An instance is suspected when the association ended while it was sent, again and again, though others were delivered
between. Without others nobody can tell, and nothing is suspected. In memory: a start of `forward` begins anew.
"""

from __future__ import annotations

from collections import OrderedDict

from appliance.base import limits


class Suspects:
    """Those of one destination. Not thread-safe."""

    def __init__(self, tries: int = limits.DELIVERY_SUSPECT.default) -> None:
        self._tries = tries
        self._successes = 0
        self._ended: OrderedDict[str, tuple[int, int]] = OrderedDict()  # how often, and after how many successes

    def succeeded(self) -> None:
        """One instance was delivered."""
        self._successes += 1

    def delivered(self, object_id: str) -> None:
        """It was none."""
        self._ended.pop(object_id, None)

    def ended(self, object_id: str) -> bool:
        """The association ended while this was sent; whether it happened often enough that it is to be held."""
        times, after = self._ended.pop(object_id, (0, -1))
        if after != self._successes:
            times += 1
        if times >= self._tries:
            return True
        self._ended[object_id] = times, self._successes
        if len(self._ended) > limits.DELIVERY_SUSPECTS.default:
            self._ended.popitem(last=False)
        return False
