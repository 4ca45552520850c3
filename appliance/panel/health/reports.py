"""Does the panel hear everything that programs tell it?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a program of which words were lost lately; alerts may be among them."""
    for name, said in facts.programs.items():
        rise = said.get("rises", {}).get("dropped")
        if rise and facts.now - rise["last"] <= limits.LOSS_MEMORY.default:
            ago = span(facts.now - rise["last"])
            what = f"{count(int(rise['by']), 'word')} of it to the panel were lost, the last {ago} ago"
            fix = "The panel was down or slow. What was lost is in the log and, for the sensor, in `appliance alerts`."
            yield Finding("reports", name, Level.WARN, what, fix, rise["first"], ("alarm:notice",))
