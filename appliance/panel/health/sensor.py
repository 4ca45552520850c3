"""Does the sensor see what it should?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span

# Counters of the sensor whose rise means that it did not see something: of what, what is said of how much, what to do.
_BLIND = {
    "dropped_packets": (
        "sensor (packets)",
        "lost {} unseen",
        ("packet", "packets"),
        "Is the link overloaded, or the machine busy?",
    ),
    "blind": (
        "sensor (flows)",
        "did not see {} whole",
        ("flow or moment", "flows or moments"),
        "See `appliance alerts`, rule D43, for when and why.",
    ),
    "faults": (
        "sensor (frames)",
        "did not understand {}, by a fault of ours",
        ("frame", "frames"),
        "Please report it, with a capture if you may.",
    ),
    "suppressed_alerts": (
        "sensor (findings)",
        "had {} more than could be told",
        ("finding", "findings"),
        "Somebody makes a lot of noise: see `appliance alerts`.",
    ),
    "evidence_unwritten": (
        "sensor (evidence)",
        "could not keep {} of evidence",
        ("packet", "packets"),
        "Has the disk room, is evidence_quota of [sensor] large enough? journalctl -u appliance-sensor",
    ),
}

_LOSSY_FIX = "Is there memory for the ring, and has the kernel CONFIG_PACKET? Then: systemctl restart appliance-sensor."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each way in which it lately did not see; one that all is well else."""
    if "sensor" not in facts.programs:
        return
    said, well = facts.said("sensor"), True
    where = f" {said['interface']}" if said.get("interface") else ""
    if fault := said.get("fault"):
        well = False
        what = f"sees nothing: the interface{where} {fault}"
        fix = f"Look at the cable, the port and the mirror (SPAN) session: ip link show{where}."
        if there := said.get("there"):
            fix = (
                f"There are {', '.join(map(str, there))}. It is watched when it comes (ip link). If the name is wrong, "
                "correct interface in [sensor], then: systemctl restart appliance-sensor."
            )
        yield Finding("sensor", "sensor (interface)", Level.ALARM, what, fix, None, ("alarm:alarm",))
    if said.get("lossy"):
        well = False
        what = f"watches{where} through {said.get('how', 'a slow way')}"
        yield Finding("sensor", "sensor (capture)", Level.WARN, what, _LOSSY_FIX, None, ("alarm:notice",))
    for key, (subject, how, nouns, fix) in _BLIND.items():
        rise = said.get("rises", {}).get(key)
        if not rise or facts.now - rise["last"] > limits.LOSS_MEMORY.default:
            continue
        well = False
        what = f"{how.format(count(int(rise['by']), *nouns))}, the last {span(facts.now - rise['last'])} ago"
        yield Finding("sensor", subject, Level.WARN, what, fix, rise["first"], ("alarm:notice",))
    if said and well:
        yield Finding("sensor", "sensor", Level.OK, f"watches{where} without a gap")
