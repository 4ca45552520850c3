"""The token bucket: what passes in any span of time, whoever takes how much when."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config.bandwidth import parse_bandwidth
from appliance.routing.bandwidth import DEPTH, Bucket, rate_at

RATE = 1000.0
takes = st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 10)), min_size=1, max_size=40)


def test_who_takes_waits_for_as_long_as_that_lasts() -> None:
    bucket, wait = Bucket(at=0.0).take(500, RATE, 0.0)
    assert wait == 0.5
    bucket, wait = bucket.take(500, RATE, 0.5)
    assert wait == 0.5


def test_those_who_share_it_come_one_after_the_other() -> None:
    bucket = Bucket(at=0.0)
    waits = []
    for _ in range(3):
        bucket, wait = bucket.take(1000, RATE, 0.0)
        waits.append(wait)
    assert waits == [1, 2, 3]


def test_a_rest_saves_up_little() -> None:
    bucket, _ = Bucket(at=0.0).take(1, RATE, 0.0)
    _, wait = bucket.take(1000, RATE, 3600.0)
    assert wait == pytest.approx(1 - DEPTH)


def test_without_a_limit_nobody_waits_and_the_debt_is_forgotten() -> None:
    bucket, _ = Bucket(at=0.0).take(10**9, RATE, 0.0)
    bucket, wait = bucket.take(10**9, None, 1.0)
    assert wait == 0
    _, wait = bucket.take(1000, RATE, 1.0)
    assert wait == 1.0


@given(takes)
def test_one_sender_never_exceeds_the_rate_but_by_the_depth_and_one_piece(sent: list[tuple[int, float]]) -> None:
    """The bytes that began to pass between any two moments, at most what the rate allows between them."""
    bucket, now = Bucket(at=0.0), 0.0
    passed: list[tuple[float, int]] = []
    for count, rest in sent:
        now += rest
        passed.append((now, count))
        bucket, wait = bucket.take(count, RATE, now)
        now += wait
    for first in range(len(passed)):
        total = 0
        for at, count in passed[first:]:
            assert total <= RATE * (at - passed[first][0]) + RATE * DEPTH + 1e-6
            total += count


@given(takes)
def test_nobody_waits_longer_than_what_was_taken_so_far(sent: list[tuple[int, float]]) -> None:
    bucket, now, total = Bucket(at=0.0), 0.0, 0
    for count, rest in sent:
        now += rest
        total += count
        bucket, wait = bucket.take(count, RATE, now)
        assert 0 <= wait <= total / RATE + 1e-9


@given(takes, st.floats(0, 1e6))
def test_a_clock_that_stands_still_or_runs_back_gives_nothing_away(sent: list[tuple[int, float]], back: float) -> None:
    still, stepped = Bucket(at=1e6), Bucket(at=1e6)
    for count, _ in sent:
        still, _ = still.take(count, RATE, 1e6)
        stepped, _ = stepped.take(count, RATE, 1e6 - back)
    assert stepped == still


def test_the_rate_of_a_moment_in_bytes_a_second() -> None:
    bandwidth = parse_bandwidth("8Mbit/s Mon-Fri, 80Mbit/s Sat")
    assert rate_at(None, datetime.fromisoformat("2026-11-23 00:00")) is None
    assert rate_at(bandwidth, datetime.fromisoformat("2026-11-23 00:00")) == 1e6
    assert rate_at(bandwidth, datetime.fromisoformat("2026-11-28 00:00")) == 1e7
    assert rate_at(bandwidth, datetime.fromisoformat("2026-11-29 00:00")) is None
    assert rate_at(bandwidth, None) == 1e6  # the clock is not set
