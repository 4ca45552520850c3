"""Decides where an object goes: the destinations of every route whose condition it meets. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from appliance.config.model import Route, When


@dataclass(frozen=True, slots=True)
class Facts:
    """What a route may ask of an object. `modality` is None where it is not known yet, "" where there is none."""

    peer: str
    calling_ae: str
    sop_class: str
    modality: str | None


def destinations_for(facts: Facts, routes: Iterable[Route]) -> tuple[str, ...]:
    """The destinations of all matching routes, each once, in the order of the file.

    What is unknown matches every condition, so before a data set has come this is every destination that may get it.
    """
    return tuple(dict.fromkeys(name for route in routes if _matches(route.when, facts) for name in route.to))


def quiet_times(facts: Facts, routes: Iterable[Route]) -> dict[str, float]:
    """The destinations of all matching routes, and for each how long nothing of the study must have come before the
    object goes there, in seconds. 0: it goes at once, as some route says; of several quiet times the shortest counts.
    """
    found: dict[str, float] = {}
    for route in routes:
        if _matches(route.when, facts):
            for name in route.to:
                found[name] = min(found.get(name, math.inf), route.when.quiet_time)
    return found


def _matches(when: When, facts: Facts) -> bool:
    modality = None if facts.modality is None else facts.modality.strip()
    return (
        (not when.peer or facts.peer in when.peer)
        and (not when.ae_title or facts.calling_ae in when.ae_title)
        and (not when.sop_class or facts.sop_class in when.sop_class)
        and (not when.modality or modality is None or modality in {each.strip() for each in when.modality})
    )
