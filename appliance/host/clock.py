"""Whether the time of day can be relied on. A box without a battery clock starts in the past until NTP has answered.

Two things are asked, and neither is guessed at. systemd-timesyncd, where it runs, says itself whether it has ever set
the clock (/run/systemd/timesync/synchronized, systemd-timesyncd.service(8)). And a clock that shows a time before this
very file was installed is wrong, whoever sets it. Where neither speaks, as under chrony, the clock is taken as right.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

_TIMESYNC = Path("/run/systemd/timesync")
_INSTALLED = Path(__file__)


def synchronised(now: float | None = None, timesync: Path = _TIMESYNC, installed: Path = _INSTALLED) -> bool:
    """False where the clock is known not to be set. `now` is seconds since the epoch, by default the clock's."""
    try:
        if (time.time() if now is None else now) < installed.stat().st_mtime:
            return False
        return (timesync / "synchronized").exists() or not timesync.exists()
    except OSError:
        return True  # we may not look: then it is not known to be wrong


def local_time() -> datetime | None:
    """The local time of the box; None while the clock is known not to be set."""
    return datetime.now().astimezone() if synchronised() else None


class SteadyClock:
    """Unix seconds that nobody sets: the clock on the wall when this was made, and what has passed since. Waits and
    leases are measured with it, so that a step of the clock makes none of them longer or shorter."""

    def __init__(self, wall: float | None = None) -> None:
        self._offset = (time.time() if wall is None else wall) - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self._offset
