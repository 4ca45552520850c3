"""Whether an engine moves. A thread at work that comes no further hangs, though it lives: the watchdog must know.

For work on the disk and in memory. Who waits for another machine has deadlines of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.base import limits


class Pulse:
    """One thread's. The thread calls `beat` and `rest`; anybody may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._beaten: float | None = None

    def beat(self) -> None:
        """At work, and a step further than at the last beat."""
        self._beaten = self._clock()

    def rest(self) -> None:
        """Nothing to do: from here on it may wait for as long as it likes."""
        self._beaten = None

    def moves(self) -> bool:
        """Whether it rests, or came a step further lately."""
        beaten = self._beaten
        return beaten is None or self._clock() - beaten < limits.ENGINE_STEP.default
