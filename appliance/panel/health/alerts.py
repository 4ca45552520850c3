"""Was somebody caught lately?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span

# By severity of the record (1 high to 3 low): how bad, and which lamp.
_SEVERITIES = {1: (Level.ALARM, ("alarm:alarm",)), 2: (Level.WARN, ("alarm:notice",)), 3: (Level.OK, ())}


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a rule that fired in the last hour; those of low severity are told, and light nothing."""
    fired: Counter[str] = Counter()
    first: dict[str, float] = {}
    latest: dict[str, Mapping[str, Any]] = {}
    for record in facts.alerts:
        if facts.now - record.get("seen", 0.0) <= limits.ALERT_LAMP.default:
            rule = str(record.get("alert", {}).get("signature_id", "?"))
            fired[rule] += 1
            first.setdefault(rule, record["seen"])
            latest[rule] = record
    for rule, number in fired.items():
        record = latest[rule]
        about = record["alert"]
        level, lamps = _SEVERITIES.get(about.get("severity", 3), _SEVERITIES[3])
        who = f", the last from {record['src_ip']}" if record.get("src_ip") else ""
        ago = span(facts.now - record["seen"])
        what = f"{about.get('signature', 'alert')}: {count(number, 'alert')}{who}, {ago} ago"
        fix = str(about.get("metadata", {}).get("advice", "")) or "See `appliance alerts`."
        yield Finding("alerts", rule, level, what, fix if level else "", first[rule], lamps)
    if not fired:
        yield Finding("alerts", "alerts", Level.OK, f"none in the last {span(limits.ALERT_LAMP.default)}")
