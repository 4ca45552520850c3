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
        self._door = threading.Lock()  # held by the courier that opens one
        self._open = 0
        self._most = _ANY
        self._most_until = 0.0  # what was found out is tried anew then
        self.wanted = 0
        """How many couriers open one, or wait at the door."""

    def may_open(self) -> bool:
        """Whether one more may be opened, as far as is known."""
        return self._open + self.wanted < self._most or time.monotonic() > self._most_until

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Around the opening of a session, one at a time. When it fails with UpstreamError while others are open,
        `Crowded` is raised instead, and no more than those are opened for a while."""
        self._change(wanted=1)
        try:
            with self._door:
                yield
                self._change(opened=1)
        except UpstreamError as error:
            with self._condition:
                if count := self._open:
                    self._most, self._most_until = count, time.monotonic() + limits.DELIVERY_REFUSAL.default
            if not count:
                raise
            log(catalogue.DESTINATION_CROWDED, destination=self._destination, count=count, reason=error.message)
            raise Crowded(error.message, fix=error.fix) from None
        finally:
            self._change(wanted=-1)

    def closed(self) -> None:
        """One that was opened is over."""
        self._change(opened=-1)

    def _change(self, *, wanted: int = 0, opened: int = 0) -> None:
        with self._condition:
            self.wanted += wanted
            self._open += opened
            self._condition.notify_all()
