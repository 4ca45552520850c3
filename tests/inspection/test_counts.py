"""Windows of counts: thresholds, distinct items, bounds."""

from __future__ import annotations

from appliance.base import limits
from appliance.inspection.counts import Counts


def test_each_multiple_of_the_threshold_is_told() -> None:
    counts = Counts(60.0, 3)
    assert [counts.add("a", 1.0) for _ in range(7)] == [0, 0, 3, 0, 0, 6, 0]


def test_a_window_ends_and_keys_do_not_mix() -> None:
    counts = Counts(60.0, 2)
    assert counts.add("a", 0.0) == counts.add("b", 1.0) == counts.add("a", 60.0) == 0
    assert counts.add("a", 61.0) == 2
    assert counts.add("a", 5.0) == 0  # a clock that went back begins anew


def test_items_count_once_and_are_bounded() -> None:
    counts = Counts(60.0, 2)
    assert [counts.add("a", 1.0, item) for item in "xxyyz"] == [0, 0, 2, 0, 0]
    for number in range(1000):
        counts.add("a", 1.0, number)
    assert len(counts._counts["a"].items) == 16


def test_keys_are_bounded() -> None:
    counts = Counts(60.0, 2)
    for number in range(limits.SENSOR_SOURCES.default + 100):
        counts.add(number, 1.0)
    assert len(counts) == limits.SENSOR_SOURCES.default
