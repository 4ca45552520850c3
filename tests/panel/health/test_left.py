"""What is owed to a destination that was taken out of the configuration."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.left import check
from tests.panel.health.given import NOW, facts, said, summary


def test_it_is_told_by_name_with_what_to_do() -> None:
    owed = {"old": {"waiting": 2, "stored": 1, "held": 4, "oldest": NOW - 600}}
    (found,) = check(facts(programs={"forward": said(left=owed)}))
    assert summary([found]) == [("old", Level.WARN, ("backlog:waiting", "alarm:notice"))]
    assert "7 instances" in found.what and found.since == NOW - 600 and "[[destination]]" in found.fix


def test_nothing_is_said_where_nothing_is_owed() -> None:
    assert not list(check(facts(programs={"forward": said(left={})})))
    assert not list(check(facts(programs={"forward": said()})))
