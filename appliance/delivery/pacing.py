"""Holds a destination's couriers to its bandwidth: one bucket for all of them. Waits; decides nothing.

What counts are the bytes of instances, not those of TLS, TCP and the upper layer around them: some 3 % more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from appliance.config.bandwidth import Bandwidth
from appliance.host.clock import local_time
from appliance.routing.bandwidth import Bucket, rate_at

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOOK = 1.0  # seconds for which the rate of now is taken for the rate
Pass = Callable[[int], None]


def unlimited(_: int) -> None:
    """Nothing is held back."""


class Pace:
    """The limit of one destination. Thread-safe."""

    def __init__(
        self,
        bandwidth: Bandwidth | None,
        moment: Callable[[], datetime | None] = local_time,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """`moment` is local time, None while the clock is not set; `now` is in seconds, and runs forward."""
        self._bandwidth = bandwidth
        self._moment = moment
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._bucket = Bucket(at=now())
        self._rate: float | None = None
        self._looked: float | None = None

    def spend(self, count: int) -> None:
        """So many bytes are about to be sent: returns when they may."""
        if self._bandwidth is None:
            return
        with self._lock:
            now = self._now()
            self._bucket, wait = self._bucket.take(count, self._rate_now(now), now)
        if wait:
            self._sleep(wait)

    def rate(self) -> float | None:
        """Bytes a second that may pass now; None: as fast as it goes."""
        with self._lock:
            return self._rate_now(self._now())

    def _rate_now(self, now: float) -> float | None:
        if self._looked is None or now - self._looked >= _LOOK:
            self._rate, self._looked = rate_at(self._bandwidth, self._moment()), now
        return self._rate


class Paced(RawIOBase):
    """A file that is read no faster than `spend` lets it. Closing it leaves the file open."""

    def __init__(self, file: BufferedReader, spend: Pass) -> None:
        super().__init__()
        self._file = file
        self._spend = spend

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As of the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As of the file."""
        return self._file.tell()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read, and wait until so much may be sent."""
        count = self._file.readinto(buffer)
        self._spend(count)
        return count
