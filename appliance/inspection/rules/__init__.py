"""The catalogue of detections, one file a family. `BY_OBSERVATION` says which judges see which kind of observation."""

from __future__ import annotations

from types import ModuleType

from appliance.inspection.rules import (
    borders,
    changes,
    content,
    crypto,
    exhaustion,
    guessing,
    identity,
    link,
    protocol,
    queries,
    response,
    roles,
    scanners,
    sensor,
    servers,
    tls,
)
from appliance.inspection.rules.rule import Judge, Rule

_FAMILIES: tuple[ModuleType, ...] = (
    identity,
    guessing,
    scanners,
    servers,
    borders,
    crypto,
    tls,
    roles,
    queries,
    content,
    exhaustion,
    protocol,
    changes,
    link,
    sensor,
    response,
)


def _judges() -> dict[type, tuple[Judge, ...]]:
    table: dict[type, tuple[Judge, ...]] = {}
    for family in _FAMILIES:
        for kind, judges in family.RULES.items():
            table[kind] = table.get(kind, ()) + tuple(judges)
    return table


BY_OBSERVATION: dict[type, tuple[Judge, ...]] = _judges()
CATALOGUE: tuple[Rule, ...] = tuple(
    sorted(
        (value for family in _FAMILIES for value in vars(family).values() if isinstance(value, Rule)),
        key=lambda rule: rule.id,
    )
)
