"""The sensor about itself: D43."""

from __future__ import annotations

from appliance.inspection.conversation import JOINED
from appliance.inspection.observations import Blind
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

BLIND = Rule(
    "D43",
    Severity.MEDIUM,
    "the sensor did not see everything",
    "Look for lost packets at the mirror port and in `appliance status`; what passed meanwhile was not judged.",
    "sensor integrity",
    ("T1562",),
    "110133",
)


def blind(seen: Blind, registry: Registry) -> Finding:
    """D43. Joining a flow midway is normal after a start, and said at the lowest severity."""
    evidence = seen.what if seen.count == 1 else f"{seen.what}: {seen.count}"
    severity = Severity.LOW if seen.what == JOINED else None
    about = () if seen.flow else (seen.what,)
    return Finding(BLIND, evidence, seen.flow, about=about, severity=severity)


RULES = {Blind: (blind,)}
