"""How many sessions of one destination are open, who waits to open one, and how many it takes at a time.

Many archives take one or two associations and refuse or stall the next. That is found out by trying, and must not look
like a destination that is down.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from appliance.base import catalogue, limits
from appliance.base.errors import UpstreamError
from appliance.host.log import log

_ANY = 1 << 30


class Crowded(UpstreamError):
    """The destination takes no further session while others are open."""


class Sessions:
    """The sessions of one destination's couriers, who share `condition`; it is notified of every change."""

    def __init__(self, destination: str, condition: threading.Condition) -> None:
        self._destination = destination
        self._condition = condition
        self.open = 0
        """How many are open."""
        self._opening = 0  # twice as many at a time as are open: from one, each that worked lets two more
        self._failures = 0
        self._most = _ANY
        self._most_until = 0.0  # what was found out is tried anew then
        self.wanted = 0
        """How many couriers open one, or wait at the door."""

    def may_open(self) -> bool:
        """Whether one more may be opened, as far as is known."""
        return self.open + self.wanted < self._most or time.monotonic() > self._most_until

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Around the opening of a session: at first one at a time, then twice as many as are open. When it fails with
        UpstreamError while others are open, `Crowded` is raised instead, and no more than those are opened for a while.
        """
        self._change(wanted=1)
        try:
            self._enter()
            try:
                yield
            except UpstreamError as error:
                if not (count := self._failed()):
                    raise
                log(catalogue.DESTINATION_CROWDED, destination=self._destination, count=count, reason=error.message)
                raise Crowded(error.message, fix=error.fix) from None
            except BaseException:
                self._change(opening=-1)
                raise
            self._change(opening=-1, opened=1)
        finally:
            self._change(wanted=-1)

    def _enter(self) -> None:
        """Wait for leave to open one. Raises `Crowded` where one failed meanwhile and none is open, or no fewer than
        it takes: who waited knows then, and need not try a dead or a full destination as well."""
        with self._condition:
            failures = self._failures
            self._condition.wait_for(lambda: self._opening < max(1, 2 * self.open))
            if self._failures != failures and not 0 < self.open < self._most:
                raise Crowded("an association before this one failed")
            self._opening += 1

    def _failed(self) -> int:
        """One could not be opened; how many are."""
        with self._condition:
            if self.open:
                self._most, self._most_until = self.open, time.monotonic() + limits.DELIVERY_REFUSAL.default
            self._failures += 1
            self._change(opening=-1)
            return self.open

    def closed(self) -> None:
        """One that was opened is over."""
        self._change(opened=-1)

    def _change(self, *, wanted: int = 0, opening: int = 0, opened: int = 0) -> None:
        with self._condition:
            self.wanted += wanted
            self._opening += opening
            self.open += opened
            self._most = max(self._most, self.open)  # one that was asked for before another failed may have worked
            self._condition.notify_all()
