"""The sensor about itself: D43, D44, D45."""

from __future__ import annotations

from appliance.inspection.conversation import JOINED
from appliance.inspection.link_observations import Silence
from appliance.inspection.observations import Blind, Reconfigured
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

MIRROR = Rule(
    "D44",
    Severity.MEDIUM,
    "the mirror shows nothing, or one direction alone",
    "Check the mirror (SPAN) session at the switch and the cable: until it is back nothing is judged.",
    "sensor integrity",
    ("T1562",),
    "110133",
)
RECONFIGURED = Rule(
    "D45",
    Severity.LOW,
    "what the sensor judges by was changed",
    "If nobody changed the configuration or the clock, find out who did.",
    "sensor integrity",
    ("T1562",),
    "110129",
)


def blind(seen: Blind, registry: Registry) -> Finding:
    """D43. Joining a flow midway is normal after a start, and said at the lowest severity."""
    evidence = seen.what if seen.count == 1 else f"{seen.what}: {seen.count}"
    severity = Severity.LOW if seen.what == JOINED else None
    about = () if seen.flow else (seen.what,)
    return Finding(BLIND, evidence, seen.flow, about=about, severity=severity)


def silence(seen: Silence, registry: Registry) -> Finding:
    """D44."""
    return Finding(MIRROR, seen.what, about=(seen.what,))


def reconfigured(seen: Reconfigured, registry: Registry) -> Finding:
    """D45."""
    return Finding(RECONFIGURED, seen.what, about=(seen.what,))


RULES = {Blind: (blind,), Silence: (silence,), Reconfigured: (reconfigured,)}
