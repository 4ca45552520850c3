"""Words to the panel that were lost."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.reports import check
from tests.panel.health.given import ago, facts, said, summary


def test_lately_and_long_ago() -> None:
    programs = {"receive": said(rises={"dropped": ago(10)}), "forward": said(rises={"dropped": ago(4000)})}
    assert summary(list(check(facts(programs=programs)))) == [("receive", Level.WARN, ("alarm:notice",))]
    assert not list(check(facts()))
