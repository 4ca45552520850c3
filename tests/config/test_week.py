"""Times of the week, as they are written and as they are meant."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config.week import DAYS, parse_week

MONDAY = datetime.fromisoformat("2026-11-23 00:00")


def moment(text: str) -> datetime:
    """ "Sat 06:30" of one week."""
    day, clock = text.split()
    hour, minute = clock.split(":")
    return MONDAY + timedelta(days=DAYS.index(day), hours=int(hour), minutes=int(minute))


moments = st.datetimes(datetime.fromisoformat("2000-01-01 00:00"), datetime.fromisoformat("2060-01-01 00:00"))
hours = (
    st.tuples(st.times(), st.times())
    .map(lambda pair: f"{pair[0]:%H:%M}-{pair[1]:%H:%M}")
    .filter(lambda text: len(set(text.split("-"))) == 2)
)
days = st.sampled_from(DAYS) | st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map("-".join)
weeks = st.lists(hours | days | st.tuples(days, hours).map(" ".join), min_size=1, max_size=4).map(", ".join)


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("22:00-06:00", ["Mon 22:00", "Tue 05:59", "Mon 00:00", "Sun 23:59"], ["Mon 06:00", "Sun 21:59"]),
        ("Mon-Fri", ["Mon 00:00", "Fri 23:59"], ["Sat 00:00", "Sun 23:59"]),
        ("Sat-Sun", ["Sat 00:00", "Sun 23:59"], ["Mon 00:00", "Fri 23:59"]),
        ("Fri-Mon", ["Fri 00:00", "Sun 12:00", "Mon 23:59"], ["Tue 00:00", "Thu 23:59"]),
        ("Fri 22:00-06:00", ["Fri 22:00", "Sat 05:59"], ["Fri 05:00", "Sat 06:00", "Sat 22:00"]),
        ("Sun 22:00-06:00", ["Sun 22:00", "Mon 05:59"], ["Sun 05:00", "Mon 06:00"]),
        ("mon-friday 18:00-07:00, SAT-SUN", ["Mon 18:00", "Sat 12:00", "Sat 06:59"], ["Mon 17:59", "Fri 12:00"]),
        ("Wed 12:00-13:00", ["Wed 12:00", "Wed 12:59"], ["Tue 12:30", "Wed 13:00"]),
    ],
)
def test_a_moment_is_within_or_outside(text: str, within: list[str], outside: list[str]) -> None:
    week = parse_week(text)
    assert [each for each in within if not week.include(moment(each))] == []
    assert [each for each in outside if week.include(moment(each))] == []


@pytest.mark.parametrize(
    ("text", "now", "opens"),
    [
        ("22:00-06:00", "Mon 21:00", 3600),
        ("22:00-06:00", "Mon 23:00", 0),
        ("Sat-Sun", "Mon 00:00", 5 * 86400),
        ("Mon 06:00-07:00", "Mon 07:00", 7 * 86400 - 3600),
        ("Mon-Fri 18:00-07:00, Sat-Sun", "Fri 12:00", 6 * 3600),
    ],
)
def test_the_wait_until_it_opens(text: str, now: str, opens: float) -> None:
    assert parse_week(text).opens_in(moment(now)) == opens


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "Mon-Fri 25:00-26:00",
        "Mo",
        "Foo 10:00-11:00",
        "Mon-",
        "10:00-11:00 Mon",
        "Mon Tue",
        6,
        None,
        [],
        "Mon,",
    ],
)
def test_what_is_no_time_of_the_week_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="times are written like"):
        parse_week(text)


def test_a_range_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        parse_week("Mon 06:00-06:00")


@given(weeks)
def test_they_are_written_as_they_are_read(text: str) -> None:
    assert parse_week(str(parse_week(text))) == parse_week(text)


@given(weeks, moments)
def test_it_is_open_after_the_wait_and_not_before(text: str, now: datetime) -> None:
    week = parse_week(text)
    wait = week.opens_in(now)
    assert 0 <= wait <= 7 * 86400
    assert (wait == 0) == week.include(now)
    assert week.include(now + timedelta(seconds=wait))
    if wait > 1:
        assert not week.include(now + timedelta(seconds=wait - 1))


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("22:00-06:00", 16),
        ("Mon-Sun", 0),
        ("00:00-24:00", 0),
        ("Sat-Sun", 120),
        ("Mon 06:00-07:00", 167),
        ("Mon-Fri 18:00-07:00, Sat-Sun", 18),
        ("06:00-12:00, 11:00-13:00, 14:00-22:00", 8),
    ],
)
def test_the_longest_rest_between_two_parts(text: str, hours: int) -> None:
    assert parse_week(text).longest_rest == hours * 3600


@given(weeks, moments)
def test_nobody_waits_longer_than_the_longest_rest(text: str, now: datetime) -> None:
    assert parse_week(text).opens_in(now) <= parse_week(text).longest_rest
