"""Can the time of day be relied on?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_FIX = "Give the box a time server it can reach (timedatectl timesync-status)."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding."""
    if facts.clock_set:
        yield Finding("clock", "clock", Level.OK, "is set")
    else:
        what = "is not set; `hours` of peers refuse nobody, and certificates may seem to be of another time"
        yield Finding("clock", "clock", Level.WARN, what, _FIX, lamps=("alarm:notice",))
