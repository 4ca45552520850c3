"""Departures from the protocol: D21, D22, D23, D47."""

from __future__ import annotations

from appliance.inspection.conversation import PDU_NAMES
from appliance.inspection.observations import Conflict, Malformed, OutOfState, Oversized
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

_ADVICE = "Find the sender: a broken device needs its vendor, anything else is an attack on a parser."

OVERSIZED = Rule("D21", Severity.MEDIUM, "PDU longer than its receiver takes", _ADVICE, "protocol abuse", ("T1499",))
MALFORMED = Rule("D22", Severity.MEDIUM, "malformed DICOM or TLS", _ADVICE, "protocol abuse", ("T1190", "T1499"))
OUT_OF_STATE = Rule(
    "D23", Severity.MEDIUM, "PDU that the association's state forbids", _ADVICE, "protocol abuse", ("T1190",)
)
CONFLICT = Rule(
    "D47",
    Severity.HIGH,
    "TCP segments that contradict each other",
    "Somebody may be hiding an association from the sensor: find the sender. What its receiver took is not certain.",
    "evasion",
    ("T1036",),
)


def _side(from_client: bool) -> str:
    return "client" if from_client else "server"


def oversized(seen: Oversized, registry: Registry) -> Finding:
    """D21."""
    name = PDU_NAMES.get(seen.pdu_type, "PDU")
    evidence = f"{name} of the {_side(seen.from_client)} announces {seen.length} bytes, the limit is {seen.limit}"
    fields = {"pdu": {"type": seen.pdu_type, "length": seen.length, "limit": seen.limit}}
    return Finding(OVERSIZED, evidence, seen.flow, fields)


def malformed(seen: Malformed, registry: Registry) -> Finding:
    """D22."""
    return Finding(MALFORMED, f"from the {_side(seen.from_client)}: {seen.what}", seen.flow)


def out_of_state(seen: OutOfState, registry: Registry) -> Finding:
    """D23."""
    return Finding(OUT_OF_STATE, f"from the {_side(seen.from_client)}: {seen.what}", seen.flow)


def conflict(seen: Conflict, registry: Registry) -> Finding:
    """D47."""
    return Finding(
        CONFLICT, f"the {_side(seen.from_client)} sent different bytes for one place of its stream", seen.flow
    )


RULES = {Oversized: (oversized,), Malformed: (malformed,), OutOfState: (out_of_state,), Conflict: (conflict,)}
