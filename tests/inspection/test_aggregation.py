"""Few alerts for many findings."""

from __future__ import annotations

import ipaddress

from appliance.inspection.aggregation import Aggregation
from appliance.inspection.rules.rule import Finding
from appliance.inspection.rules.scanners import SCAN, SCANNER


def finding(about: object = "x", evidence: str = "e") -> Finding:
    return Finding(SCAN, evidence, about=(about,), source=ipaddress.ip_address("10.0.0.1"))


def test_the_first_is_told_at_once_and_the_rest_when_the_window_ends() -> None:
    kept = Aggregation(window=60)
    first = kept.offer(finding(evidence="20 targets"), 0.0)
    assert first is not None
    assert (first.count, first.first) == (1, 0.0)
    assert [kept.offer(finding(evidence=f"{20 + n} targets"), n) for n in range(1, 31)] == [None] * 30
    assert kept.due(59.0) == []
    (ended,) = kept.due(60.0)
    assert (ended.count, ended.first, ended.last, ended.finding.evidence) == (31, 0.0, 30.0, "50 targets")
    assert len(kept) == 0


def test_a_window_that_stayed_quiet_is_forgotten() -> None:
    kept = Aggregation(window=60)
    kept.offer(finding(), 0.0)
    assert kept.due(61.0) == []
    assert kept.offer(finding(), 62.0) is not None


def test_kinds_do_not_share_a_window() -> None:
    kept = Aggregation(window=60)
    assert kept.offer(finding("x"), 0.0) is not None
    assert kept.offer(finding("y"), 0.0) is not None


def test_a_flood_of_kinds_is_cut_and_counted() -> None:
    kept = Aggregation(window=60, rate=10)
    told = [kept.offer(finding(number), 1.0) for number in range(1000)]
    assert sum(alert is not None for alert in told) == 10
    assert (kept.suppressed, len(kept)) == (990, 10)
    assert kept.offer(finding("now"), 1.0, always=True) is not None
    kept.due(62.0)
    assert kept.offer(finding("later"), 62.0) is not None


def test_a_flood_of_one_rule_does_not_hush_another() -> None:
    kept = Aggregation(window=60, rate=10)
    for number in range(1000):
        kept.offer(finding(number), 1.0)
    assert kept.offer(Finding(SCANNER, "e", about=("x",)), 1.0) is not None


def test_a_clock_that_steps_back_stops_nothing() -> None:
    kept = Aggregation(window=60, rate=1)
    assert kept.offer(finding("x"), 1000.0) is not None
    assert kept.due(10.0) == []
    assert kept.offer(finding("y"), 10.0) is not None


def test_the_end_tells_what_is_left() -> None:
    kept = Aggregation(window=60)
    for _ in range(3):
        kept.offer(finding("x"), 0.0)
    kept.offer(finding("y"), 0.0)
    assert [alert.count for alert in kept.finish()] == [3]
