"""Refused instances are a warning for an hour."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.reception import check
from tests.panel.health.given import NOW, ago, facts, said, summary


def test_lately_and_long_ago() -> None:
    (found,) = check(facts(programs={"receive": said(rises={"not_stored": ago(3600, by=2)})}))
    assert (found.level, found.since) == (Level.WARN, NOW - 3610)
    assert found.what == "2 instances not stored, the last 60 min ago"
    (found,) = check(facts(programs={"receive": said(rises={"not_stored": ago(3601)})}))
    assert found.level is Level.OK


def test_a_program_that_does_not_talk_is_not_judged() -> None:
    assert summary(list(check(facts(programs={"receive": said("ended", rises={"not_stored": ago(1)})})))) == []
