"""Does the sensor see what it should?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span

# Counters of the sensor whose rise means that it did not see something: what is said, what to do.
_BLIND = {
    "dropped_packets": ("packet", "lost unseen", "Is the link overloaded, or the machine busy?"),
    "blind": ("flow or moment", "not seen whole", "See `appliance alerts`, rule D43, for when and why."),
    "faults": ("frame", "not understood by a fault of ours", "Please report it, with a capture if you may."),
    "suppressed_alerts": (
        "finding",
        "more than could be told",
        "Somebody makes a lot of noise: see `appliance alerts`.",
    ),
}


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each way in which it lately did not see; one that all is well else."""
    if "sensor" not in facts.programs:
        return
    said, well = facts.said("sensor"), True
    for key, (noun, how, fix) in _BLIND.items():
        rise = said.get("rises", {}).get(key)
        if not rise or facts.now - rise["last"] > limits.LOSS_MEMORY.default:
            continue
        well = False
        many = noun.replace("flow or moment", "flows or moments") if " " in noun else ""
        what = f"{count(int(rise['by']), noun, many)} {how}, the last {span(facts.now - rise['last'])} ago"
        yield Finding("sensor", key, Level.WARN, what, fix, rise["first"], ("alarm:notice",))
    if said and well:
        where = f" {said['interface']}" if said.get("interface") else ""
        yield Finding("sensor", "sensor", Level.OK, f"watches{where} without a gap")
