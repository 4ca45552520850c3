"""Were instances refused lately? Modalities keep them, and somebody should know why."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, while `receive` talks."""
    said = facts.said("receive")
    if not said:
        return
    rise = said.get("rises", {}).get("not_stored")
    if rise and facts.now - rise["last"] <= limits.LOSS_MEMORY.default:
        what = f"{count(int(rise['by']), 'instance')} not stored, the last {span(facts.now - rise['last'])} ago"
        fix = "The log says why: journalctl -u appliance-receive APPLIANCE_EVENT=STORE-REFUSED"
        yield Finding("reception", "receive", Level.WARN, what, fix, rise["first"], ("alarm:notice",))
    else:
        yield Finding("reception", "receive", Level.OK, "stores what it is sent")
