"""How fast deliveries go, and when the backlog is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.routing.pace import MEMORY, Pace


def steady(rate: int, seconds: int) -> Pace:
    pace = Pace.begin(0.0)
    for second in range(1, seconds + 1):
        pace = pace.add(rate, rate * 1000, float(second))
    return pace


@pytest.mark.parametrize("seconds", [5, 30, 60, 600])
def test_a_steady_pace_is_seen_from_the_start(seconds: int) -> None:
    instances, size = steady(10, seconds).per_second(float(seconds))
    assert instances == pytest.approx(10, rel=0.12)
    assert size == pytest.approx(10_000, rel=0.12)


def test_it_forgets() -> None:
    pace = steady(10, 600)
    assert pace.per_second(600 + MEMORY)[0] == pytest.approx(10 / 2.718, rel=0.05)
    assert pace.per_second(600 + 20 * MEMORY)[0] < 1e-6


def test_when_the_backlog_is_gone() -> None:
    pace = steady(10, 600)
    assert pace.drained_in(0, 600.0) == 0
    assert pace.drained_in(1000, 600.0) == pytest.approx(100, rel=0.05)
    assert pace.drained_in(1000, 1e5) is None  # nothing has gone for a day
    assert Pace.begin(0.0).drained_in(1, 100.0) is None


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(-5, 100)), max_size=30))
def test_whatever_the_clock_does_rates_are_no_nonsense(steps: list[tuple[int, float]]) -> None:
    pace, now, total = Pace.begin(0.0), 0.0, 0
    for count, step in steps:
        now += step
        total += count
        pace = pace.add(count, count, now)
    instances, _ = pace.per_second(now)
    assert 0 <= instances <= total * 1.01 + 1e-9
