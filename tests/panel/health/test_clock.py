"""A clock that was set, and one that was not."""

from __future__ import annotations

from appliance.panel.health.clock import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import facts, summary


def test_set_or_not() -> None:
    assert summary(list(check(facts()))) == [("clock", Level.OK, ())]
    assert summary(list(check(facts(clock_set=False)))) == [("clock", Level.WARN, ("alarm:notice",))]
