"""Names that are tried until one fits: D04."""

from __future__ import annotations

from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

GUESSING = Rule(
    "D04",
    Severity.HIGH,
    "AE titles are guessed",
    "Find the device at this address. A misconfigured modality tries one pair of names, a guesser many.",
    "reconnaissance",
    ("T1110", "T1046"),
    "110126",
)
_KINDS = (Kind.NAMES_REJECTED, Kind.NAMES_TRIED)


def guessing(seen: Recurring, registry: Registry) -> Finding | None:
    """D04."""
    if seen.kind not in _KINDS:
        return None
    evidence = f"{seen.count} {seen.kind.value} within a minute"
    return Finding(GUESSING, evidence, about=(seen.source, seen.kind), source=seen.source)


RULES = {Recurring: (guessing,)}
