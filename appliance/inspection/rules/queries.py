"""Searches that fetch more than anybody reads: D08."""

from __future__ import annotations

from appliance.inspection.command_set import C_FIND
from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.observations import DataSetBegan, ManyMatches
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

QUERY = Rule(
    "D08",
    Severity.MEDIUM,
    "a query for everything, or very many queries",
    "Ask what the device searched for. Archives are copied that way, by migrations and by thieves.",
    "collection",
    ("T1213", "T1119"),
    "110132",
)
_ARCHIVES = b"1.2.840.10008.5.1.4.1.2."  # query and retrieve by patient or study (PS3.4 C.6)


def broad(seen: DataSetBegan, registry: Registry) -> Finding | None:
    """D08: a C-FIND identifier in which no key narrows anything down. Worklists, hanging protocols and so on are asked
    for like that; an archive is not.
    """
    head, command = seen.head, seen.command
    if command.command_field != C_FIND or not head.whole or head.keys > head.modalities:
        return None
    if not command.sop_class.startswith(_ARCHIVES):
        return None
    what = "nothing but a modality" if head.keys else "nothing"
    return Finding(QUERY, f"a C-FIND-RQ in which {what} is asked for, so that everything matches", seen.flow)


def matches(seen: ManyMatches, registry: Registry) -> Finding:
    """D08."""
    return Finding(QUERY, f"{seen.count} matches to one query", seen.flow)


def many(seen: Recurring, registry: Registry) -> Finding | None:
    """D08."""
    if seen.kind is not Kind.QUERIES:
        return None
    return Finding(QUERY, f"{seen.count} {seen.kind.value} within a minute", seen.flow, severity=Severity.LOW)


RULES = {DataSetBegan: (broad,), ManyMatches: (matches,), Recurring: (many,)}
