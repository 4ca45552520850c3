"""Held deliveries, by destination."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.held import check
from tests.panel.health.given import QUEUE, facts, forward, said, summary


def test_none_some_and_nowhere_to_deliver() -> None:
    assert summary(list(check(facts()))) == [("deliveries", Level.OK, ())]
    queues = {"a": {**QUEUE, "held": 1}, "b": QUEUE, "c": {**QUEUE, "held": 40}}
    found = list(check(facts(programs={"forward": said(destinations=queues)})))
    assert summary(found) == [(name, Level.WARN, ("backlog:held",)) for name in ("a", "c")]
    assert "1 instance held here" in found[0].what and "40 instances" in found[1].what
    assert not list(check(facts(programs={"forward": said()})))
    assert not list(check(facts(programs={"forward": {**forward(held=3), "state": "ended"}})))
