"""Medians, percentiles and what is called met."""

from __future__ import annotations

import json
import math

import pytest

from tests.bench.verdict import Section, Verdict, extrapolate, median, percentile, spread, summary


@pytest.mark.parametrize(
    ("figure", "limit", "at_least", "met"),
    [(1.0, 1.0, False, True), (1.01, 1.0, False, False), (3.0, 3.0, True, True), (2.99, 3.0, True, False)],
)
def test_a_target_is_met_up_to_its_limit(figure: float, limit: float, at_least: bool, met: bool) -> None:
    verdict = Verdict("a", figure, limit, at_least=at_least)
    assert verdict.met is met
    assert verdict.line().endswith(": met" if met else ": MISSED")


@pytest.mark.parametrize("at_least", [False, True])
def test_what_is_no_number_meets_nothing_and_is_null_as_json(at_least: bool) -> None:
    verdict = Verdict("a", math.nan, 1.0, at_least=at_least)
    assert not verdict.met
    assert json.loads(json.dumps(verdict.as_json(), allow_nan=False))["figure"] is None


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_of_nothing_there_is_no_median_and_no_percentile() -> None:
    assert math.isnan(median([]))
    assert math.isnan(percentile([], 0.99))


def test_median_and_spread() -> None:
    assert median([5.0, 1.0, 2.0]) == 2.0
    assert spread([2.0, 3.0]) == 1.5


def test_a_part_is_extrapolated_without_multiplying_the_start() -> None:
    start, each = 0.5, 0.04
    assert extrapolate(start + each, start + 100 * each, 100, 1000) == pytest.approx(start + 1000 * each)


def test_a_section_prints_its_verdicts_and_the_summary_names_what_was_missed() -> None:
    section = Section("title", ["  a line"])
    section.judge(Verdict("good", 1, 2))
    section.judge(Verdict("bad", 3, 2))
    assert section.text().splitlines()[1:] == [
        "== title",
        "  a line",
        "  -> good: 1.00 x, target at most 2 x: met",
        "  -> bad: 3.00 x, target at most 2 x: MISSED",
    ]
    assert [target["met"] for target in section.as_json()["targets"]] == [True, False]
    said = summary(section.verdicts)
    assert "1 of 2 targets met, missed:" in said
    assert "bad" in said
    assert "good" not in said
    assert summary(section.verdicts[:1]).endswith("1 of 1 targets met")
