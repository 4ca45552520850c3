"""Alerts of the last hour, one line a rule."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.panel.health.alerts import check
from appliance.panel.health.finding import Level
from tests.panel.health.given import NOW, facts


def record(rule: str, severity: Any, ago: float, source: str = "192.0.2.9") -> dict[str, Any]:
    about = {"signature_id": rule, "signature": "stranger", "severity": severity, "metadata": {"advice": "Look."}}
    return {"seen": NOW - ago, "src_ip": source, "alert": about}


def test_none() -> None:
    (found,) = check(facts())
    assert found.level is Level.OK
    (found,) = check(facts(alerts=[record("D01", 1, 3601)]))
    assert found.level is Level.OK


@pytest.mark.parametrize(
    ("severity", "level", "lamps", "fix"),
    [
        (1, Level.ALARM, ("alarm:alarm",), "Look."),
        (2, Level.WARN, ("alarm:notice",), "Look."),
        (3, Level.OK, (), ""),
        ("?", Level.OK, (), ""),
    ],
)
def test_severities(severity: Any, level: Level, lamps: tuple[str, ...], fix: str) -> None:
    (found,) = check(facts(alerts=[record("D01", severity, 5)]))
    assert (found.subject, found.level, found.lamps, found.fix) == ("D01", level, lamps, fix)


def test_one_line_a_rule_with_a_count_and_the_latest_source() -> None:
    alerts = [record("D01", 2, 50), record("D02", 2, 40), record("D01", 2, 30, "192.0.2.77")]
    found = {each.subject: each for each in check(facts(alerts=alerts))}
    assert found["D01"].what == "stranger: 2 alerts, the last from 192.0.2.77, 30 s ago"
    assert found["D01"].since == NOW - 50
    assert set(found) == {"D01", "D02"}
