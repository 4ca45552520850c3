"""What keeps a destination from being used, beside its breaker: the want of an identity, a person, its schedule.

Not thread-safe: its queue has the lock. It waits for nothing; it says for how long to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from appliance.base import limits
from appliance.config.week import Week
from appliance.host.clock import local_time
from appliance.routing.schedule import opens_in


class Gate:
    """The gate of one destination."""

    def __init__(self, schedule: Week | None = None, moment: Callable[[], datetime | None] = local_time) -> None:
        """`moment` is local time, None while the clock is not set."""
        self._schedule = schedule
        self._moment = moment
        self.blocked = ""
        """Why nothing can be sent, in words; "" while it can."""
        self.paused: float | None = None
        """Since when a person holds the destination back, in Unix seconds."""

    def follow(self, schedule: Week | None) -> None:
        """This is the schedule from now on."""
        self._schedule = schedule

    def opens_in(self) -> float:
        """Seconds until the schedule lets deliveries through, 0.0 for now."""
        return 0.0 if self._schedule is None else opens_in(self._schedule, self._moment())

    @property
    def open(self) -> bool:
        """Whether nothing here speaks against the next instance."""
        return not self.blocked and self.paused is None and not self.opens_in()

    def look_again(self) -> float | None:
        """Where it is shut: the seconds after which to look again, None where somebody will say so."""
        if self.blocked or self.paused is not None:
            return None
        return min(self.opens_in(), float(limits.SCHEDULE_LOOK.default))

    def snapshot(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "blocked": bool(self.blocked),
            "paused": self.paused,
            "schedule": str(self._schedule or ""),
            "opens_in": round(self.opens_in(), 1),
            "rests": self._schedule.longest_rest if self._schedule else 0.0,
        }
