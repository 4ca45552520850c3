"""What was done about a finding: D46. Raised by `respond`, which alone knows; the sensor raises it never."""

from __future__ import annotations

from appliance.inspection.rules.rule import Finding, Judge, Rule, Severity

RESPONDED = Rule(
    "D46",
    Severity.LOW,
    "a block was set, refused, or ended",
    "Find the device at this address. If it belongs here: appliance blocks release, then register it.",
    "response",
    (),
    "110128",
)

RULES: dict[type, tuple[Judge, ...]] = {}


def responded(evidence: str, **more: object) -> Finding:
    """D46, with what was done in words of ours."""
    return Finding(RESPONDED, evidence, **more)  # type: ignore[arg-type]
