"""Servers that are kept busy: D24, D25."""

from __future__ import annotations

from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.observations import Slow
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

_ADVICE = "Find the source. If it is a device of yours, restart it; if not, take it off the network."

SLOW = Rule(
    "D24",
    Severity.MEDIUM,
    "connections to DICOM servers that ask for nothing",
    _ADVICE,
    "denial of service",
    ("T1499.001",),
)
EXHAUSTION = Rule(
    "D25",
    Severity.MEDIUM,
    "a server is running out of associations",
    "See who holds the associations. A device that never releases them needs its vendor.",
    "denial of service",
    ("T1499.002",),
)


def slow(seen: Slow, registry: Registry) -> Finding:
    """D24: a request that does not end."""
    return Finding(SLOW, f"no whole request within {seen.seconds:.0f} s", seen.flow)


def silent(seen: Recurring, registry: Registry) -> Finding | None:
    """D24: connections without a byte."""
    if seen.kind is not Kind.SILENT:
        return None
    evidence = f"{seen.count} {seen.kind.value}, within a minute"
    return Finding(SLOW, evidence, about=(seen.source,), source=seen.source)


def exhaustion(seen: Recurring, registry: Registry) -> Finding | None:
    """D25."""
    if seen.kind is Kind.BUSY:
        return Finding(EXHAUSTION, f"{seen.count} {seen.kind.value} within a minute", seen.flow)
    if seen.kind is Kind.BACKLOG:
        about = (seen.source, "backlog")
        return Finding(EXHAUSTION, f"{seen.count} {seen.kind.value} within a minute", about=about, target=seen.source)
    if seen.kind is Kind.CONCURRENT:
        return Finding(EXHAUSTION, f"{seen.count} {seen.kind.value}", seen.flow)
    return None


RULES = {Slow: (slow,), Recurring: (silent, exhaustion)}
