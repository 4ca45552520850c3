"""Changes that the ledger could not take at once, as on a full disk: kept in order, and written first of all later.

Not thread-safe: its queue has the lock. In memory; what a crash loses of them is delivered again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from appliance.base.errors import DiskError

Change = Callable[[], object]


class Unwritten:
    """The changes of one destination. Each is all or nothing, and raises DiskError where the medium refuses it."""

    def __init__(self) -> None:
        self._changes: deque[Change] = deque()

    def __bool__(self) -> bool:
        return bool(self._changes)

    def add(self, change: Change) -> None:
        """One more, which comes last."""
        self._changes.append(change)

    def settle(self) -> None:
        """Write them all. Raises DiskError; what is not written then stays."""
        while self._changes:
            change = self._changes.popleft()
            try:
                change()
            except DiskError:
                self._changes.appendleft(change)
                raise
