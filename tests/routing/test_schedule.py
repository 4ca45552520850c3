"""Whether a destination may be used, by its schedule, and what a step of the clock does to that."""

from __future__ import annotations

from datetime import datetime, timedelta

from appliance.config.week import parse_week
from appliance.routing.schedule import opens_in

NIGHTS = parse_week("22:00-06:00")
NOON = datetime.fromisoformat("2026-11-23 12:00")


def test_without_a_schedule_it_is_always_open() -> None:
    assert opens_in(None, NOON) == 0


def test_it_is_closed_until_its_hours() -> None:
    assert opens_in(NIGHTS, NOON) == 10 * 3600
    assert opens_in(NIGHTS, NOON + timedelta(hours=10)) == 0


def test_a_clock_that_is_not_set_holds_nothing_back() -> None:
    assert opens_in(NIGHTS, None) == 0


def test_after_a_step_of_the_clock_the_new_time_counts() -> None:
    half_past_nine = NOON.replace(hour=21, minute=30)
    assert opens_in(NIGHTS, half_past_nine) == 1800
    assert opens_in(NIGHTS, half_past_nine + timedelta(hours=1)) == 0  # put forward: open now
    assert opens_in(NIGHTS, half_past_nine - timedelta(hours=1)) == 5400  # put back: an hour more
