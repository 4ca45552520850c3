"""Is somebody blocked, and could everybody be whom we wanted to?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a blocked address; one for hosts whose addresses are not known."""
    said = facts.said("respond")
    if not said or said.get("mode") == "off":
        return
    dry = said.get("mode") == "dry-run"
    for block in said.get("blocks", ()):
        yield _dry(block) if dry else _blocked(block, str(said["protects"]), facts.now)
    for host in said.get("nameless", ()):
        fix = "Name its address under hosts in respond.toml, or mend the resolver."
        yield Finding("blocks", host, Level.WARN, "has no address, so nobody is blocked", fix, None, ("alarm:notice",))
    if not said.get("blocks") and not said.get("nameless"):
        yield Finding("blocks", "respond", Level.OK, "blocks nobody" + (" (dry-run)" if dry else ""))


def _dry(block: Mapping[str, Any]) -> Finding:
    what = f"would be blocked because of {block['rule']}, were it no dry-run"
    return Finding("blocks", block["address"], Level.OK, what, "", block["since"])


def _blocked(block: Mapping[str, Any], protects: str, now: float) -> Finding:
    rest, stopped = span(max(0.0, block["until"] - now)), count(int(block["packets"]), "packet")
    what = f"is blocked because of {block['rule'] or '?'} for another {rest}; {stopped} stopped; {protects}"
    fix = f"If it belongs here: appliance blocks release {block['address']}, then add it to the configuration."
    return Finding("blocks", block["address"], Level.WARN, what, fix, block["since"], ("alarm:notice",))
