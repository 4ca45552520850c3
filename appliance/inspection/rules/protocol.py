"""Departures from the protocol: D21, D22, D23, D26, D27, D47, D48."""

from __future__ import annotations

from appliance.inspection.conversation import PDU_NAMES
from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.observations import Conflict, FragmentAbuse, Malformed, OutOfState, Oversized
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

ABORTS = Rule(
    "D26",
    Severity.MEDIUM,
    "associations of a pair are aborted again and again",
    "Look at the log of the side that aborts: a device may be misconfigured, or somebody feeds a parser.",
    "protocol abuse",
    ("T1499",),
)
FUZZING = Rule(
    "D27",
    Severity.HIGH,
    "one source sends malformed bytes of many kinds",
    "That is what a fuzzer does. Ask who tests; if nobody does, take the source off the network.",
    "protocol abuse",
    ("T1190", "T1499"),
)
FRAGMENTS = Rule(
    "D48",
    Severity.HIGH,
    "IP fragments that no honest sender makes",
    "Somebody may be hiding from the sensor: find the sender. Both readings of the packet were judged.",
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
    what = seen.how or "different bytes for one place of its stream"
    return Finding(CONFLICT, f"the {_side(seen.from_client)} sent {what}", seen.flow)


def aborts(seen: Recurring, registry: Registry) -> Finding | None:
    """D26."""
    if seen.kind is not Kind.ABORTS:
        return None
    return Finding(ABORTS, f"{seen.count} {seen.kind.value} within a minute", seen.flow)


def fuzzing(seen: Recurring, registry: Registry) -> Finding | None:
    """D27."""
    if seen.kind is not Kind.FAULT_KINDS:
        return None
    evidence = f"{seen.count} {seen.kind.value} within five minutes"
    return Finding(FUZZING, evidence, about=(seen.source,), source=seen.source)


def fragments(seen: FragmentAbuse, registry: Registry) -> Finding:
    """D48."""
    about = (seen.source, seen.target)
    return Finding(FRAGMENTS, seen.what, about=about, source=seen.source, target=seen.target)


RULES = {
    Oversized: (oversized,),
    Malformed: (malformed,),
    OutOfState: (out_of_state,),
    Conflict: (conflict,),
    Recurring: (aborts, fuzzing),
    FragmentAbuse: (fragments,),
}
