"""Envelopes in stock: file keys that were wrapped while nobody waited.

To wrap a file key to two hybrid recipients takes as long as everything else that a small instance costs. So a thread
fills the stock up when no instance has been asked for in a while, and a series of small instances finds it full. An
idle box stops at a full stock and wakes up for nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import sleep

from appliance.base import limits
from appliance.seal.envelope import Envelope

_QUIET = 0.5  # seconds without an instance, before the stock is filled up


class Envelopes:
    """A stock of what `make` makes. Shared by the threads of a process; made after the fork, for it has a thread."""

    def __init__(
        self, make: Callable[[], Envelope], most: int = limits.ENVELOPES.default, quiet: float = _QUIET
    ) -> None:
        self._make = make
        self._most = most
        self._quiet = quiet
        self._stock: deque[Envelope] = deque()
        self._taken = 0
        self._wanted = threading.Event()
        self._begun = False

    def __len__(self) -> int:
        return len(self._stock)

    def take(self) -> Envelope:
        """One that nobody else gets: from the stock, else a new one."""
        self._taken += 1
        try:
            return self._stock.popleft()
        except IndexError:
            return self._make()

    def prepare(self) -> None:
        """Call when an instance is done: a stock that is used up gets one now, while the peer thinks."""
        if not self._stock:
            self._stock.append(self._make())
        self.fill()

    def fill(self) -> None:
        """Have the stock filled up when there is time for it."""
        if not self._begun:
            self._begun = True
            threading.Thread(target=self._run, name="envelopes", daemon=True).start()
        if not self._wanted.is_set():
            self._wanted.set()

    def _run(self) -> None:
        while self._wanted.wait():
            self._wanted.clear()
            while len(self._stock) < self._most:
                taken = self._taken
                sleep(self._quiet)
                while taken == self._taken and len(self._stock) < self._most:
                    self._stock.append(self._make())
