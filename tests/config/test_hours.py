"""Hours of the day, as they are written and as they are meant."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config.hours import parse_hours


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("06:00-22:00", ["06:00", "12:30", "21:59"], ["05:59", "22:00", "00:00"]),
        ("6:00 - 22:00", ["06:00"], ["05:59"]),
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59"]),
        ("00:00-24:00", ["00:00", "23:59"], []),
        ("22:00-24:00", ["22:00", "23:59"], ["00:00", "21:59"]),
        ("18:00-00:00", ["23:59"], ["00:00"]),
        ("06:00-12:00, 13:00-18:00", ["11:59", "13:00"], ["12:00", "12:59", "18:00"]),
    ],
)
def test_a_time_is_within_or_outside(text: str, within: list[str], outside: list[str]) -> None:
    hours = parse_hours(text)
    assert [each for each in within if not hours.include(time.fromisoformat(each))] == []
    assert [each for each in outside if hours.include(time.fromisoformat(each))] == []


@pytest.mark.parametrize(
    ("text", "now", "opens"),
    [
        ("06:00-22:00", "23:00", "06:00"),
        ("06:00-22:00", "05:00", "06:00"),
        ("13:00-18:00, 06:00-12:00", "12:30", "13:00"),
        ("13:00-18:00, 06:00-12:00", "19:00", "06:00"),
    ],
)
def test_the_next_opening_is_said(text: str, now: str, opens: str) -> None:
    assert parse_hours(text).next_opening(time.fromisoformat(now)) == opens


@pytest.mark.parametrize(
    "text",
    ["", "6-22", "06:00", "25:00-26:00", "06:00-24:01", "06:60-07:00", "06:00-06:00", "00:00-00:00", ",", 6, None],
)
def test_what_is_no_hours_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="hours are written like|leave hours out"):
        parse_hours(text)


@given(st.times(), st.times())
def test_they_are_written_as_they_are_read(begin: time, end: time) -> None:
    text = f"{begin:%H:%M}-{end:%H:%M}"
    if f"{begin:%H:%M}" != f"{end:%H:%M}":
        assert parse_hours(str(parse_hours(text))) == parse_hours(text)


@given(st.times())
def test_a_range_and_the_one_that_fills_the_day_never_both_hold(now: time) -> None:
    assert parse_hours("22:00-06:00").include(now) != parse_hours("06:00-22:00").include(now)
