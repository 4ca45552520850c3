"""Do the network cables lead somewhere?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import span

DAMAGED = 100  # frames within the memory of losses
_FIX = "Is the cable plugged in at both ends, and the port of the switch on?"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a port that had a link since `forward` started, or each where none had; another where much comes in
    damaged."""
    said = facts.said("forward")
    links = said.get("links", {})
    alone = bool(links) and not any(links.values())
    for name, up in links.items():
        if up:
            yield Finding("links", name, Level.OK, "has a link")
        elif alone:
            what = "has no link, and no other port has one: nobody reaches this box"
            yield Finding("links", name, Level.ALARM, what, _FIX, lamps=("alarm:alarm",))
        else:
            yield Finding("links", name, Level.WARN, "has no link any more", _FIX, lamps=("alarm:notice",))
    rise = said.get("rises", {}).get("link_errors")
    if rise and rise["by"] >= DAMAGED and facts.now - rise["last"] <= limits.LOSS_MEMORY.default:
        ago = span(facts.now - rise["last"])
        what = f"took in {rise['by']:.0f} damaged frames, the last {ago} ago"
        fix = "Which port, `ip -s link` says. Try another cable, and let both ends negotiate speed and duplex."
        yield Finding("links", "network", Level.WARN, what, fix, rise["first"], ("alarm:notice",))
