"""A collector that takes alerts, that cannot be reached, and records that were lost."""

from __future__ import annotations

from appliance.panel.health.finding import Level
from appliance.panel.health.syslog import check
from tests.panel.health.given import EXPORTER, NOW, facts, summary


def test_each_state() -> None:
    assert not list(check(facts(exporter=None)))
    assert summary(list(check(facts()))) == [("siem.example:6514", Level.OK, ())]
    down = {**EXPORTER, "connected": False, "error": "it does not answer", "waiting": 12, "lost": 1}
    found = list(check(facts(exporter=down)))
    assert summary(found) == [
        ("siem.example:6514", Level.WARN, ("alarm:notice",)),
        ("spool", Level.WARN, ("alarm:notice",)),
    ]
    assert found[0].since == NOW - 60 and "12 records wait" in found[0].what
    assert "1 record could not" in found[1].what
