"""What keeps a destination from being used, beside its breaker."""

from __future__ import annotations

from datetime import datetime

from appliance.base import limits
from appliance.config.week import parse_week
from appliance.delivery.gate import Gate


class Clock:
    """A clock on the wall that a test sets; None where it is not set."""

    now: datetime | None = datetime.fromisoformat("2026-11-23 12:00")

    def __call__(self) -> datetime | None:
        return self.now


def test_it_is_open_unless_something_speaks_against_it() -> None:
    gate = Gate()
    assert gate.open
    gate.blocked = "locked"
    assert not gate.open
    assert gate.look_again() is None
    gate.blocked, gate.paused = "", 1.0
    assert not gate.open
    assert gate.look_again() is None
    gate.paused = None
    assert gate.open


def test_a_closed_schedule_is_looked_at_again_and_no_later_than_it_opens() -> None:
    clock = Clock()
    gate = Gate(parse_week("22:00-06:00"), clock)
    assert not gate.open
    assert gate.snapshot() == {
        "blocked": False,
        "paused": None,
        "schedule": "22:00-06:00",
        "opens_in": 36000.0,
        "rests": 57600.0,
    }
    assert gate.look_again() == limits.SCHEDULE_LOOK.default
    clock.now = datetime.fromisoformat("2026-11-23 21:59:50")
    assert gate.look_again() == 10
    clock.now = datetime.fromisoformat("2026-11-23 22:00")
    assert gate.open


def test_a_clock_that_is_stepped_or_not_set_counts_at_the_next_look() -> None:
    clock = Clock()
    gate = Gate(parse_week("12:30-13:30"), clock)
    assert not gate.open
    clock.now = datetime.fromisoformat("2026-11-23 13:00")  # an hour forward
    assert gate.open
    clock.now = datetime.fromisoformat("2026-11-23 12:00")  # and back
    assert not gate.open
    clock.now = None
    assert gate.open
