"""Few alerts for many findings."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

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


def test_a_window_that_stayed_quiet_says_nothing() -> None:
    kept = Aggregation(window=60)
    kept.offer(finding(), 0.0)
    assert kept.due(61.0) == []
    assert kept.offer(finding(), 61.0 + 3600) is not None


def told(kept: Aggregation, every: int, until: int, found: Callable[[int], Finding]) -> list[tuple[int, int]]:
    """When something that is found every so many seconds is told, and how often it was found until then."""
    heard = []
    for now in range(until):
        heard += [(now, each.count) for each in kept.due(now)]
        if now % every == 0 and (alert := kept.offer(found(now), now)) is not None:
            heard.append((now, alert.count))
    return heard


def test_what_goes_on_unchanged_is_told_ever_less_often() -> None:
    """A device that nobody registered polls every ten seconds: that was 2,880 alerts a day."""
    heard = told(Aggregation(window=60), 10, 86400, lambda _: finding())
    assert heard[:4] == [(0, 1), (60, 6), (180, 12), (420, 24)]
    assert len(heard) < 35
    assert sum(count for _, count in heard) - 1 > 86400 / 10 - 400  # and none is lost: the last window is open


def test_what_is_urgent_is_told_every_ten_minutes() -> None:
    heard = told(Aggregation(window=60), 10, 86400, lambda _: Finding(SCANNER, "e", about=("x",)))
    assert 86400 / 600 <= len(heard) < 86400 / 600 + 10


def test_counts_are_no_other_words() -> None:
    heard = told(Aggregation(window=60), 10, 3600, lambda now: finding(evidence=f"{now} targets on {now % 7} hosts"))
    assert len(heard) < 10


def test_something_else_about_the_same_is_told_at_once_however_long_the_first_went_on() -> None:
    kept = Aggregation(window=60)
    told(kept, 10, 3600, lambda _: finding(evidence='calling "CT1"'))
    assert kept.offer(finding(evidence='calling "CT2"'), 3600.0) is not None
    (rest,) = kept.due(3601.0)
    assert 'calling "CT1"' in rest.finding.evidence
    assert kept.offer(finding(evidence='calling "CT1"'), 3661.0) is None
    told_lately = [
        kept.offer(finding(evidence=f'calling "{number % 2 + 1}"'), 3662.0 + number) for number in range(200)
    ]
    assert sum(each is not None for each in told_lately) <= 2  # names are no numbers; nor does taking turns help


def test_what_did_not_come_for_an_hour_is_told_at_once() -> None:
    kept = Aggregation(window=60)
    for number in range(5):
        assert kept.offer(finding(), number * 3700.0) is not None
        assert kept.due(number * 3700.0 + 61) == []


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
