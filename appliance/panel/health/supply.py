"""Does the board get enough power? One that does not writes wrong bytes to its card before it stops."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_FIX = "Use the board's own power supply, with a short cable, and unplug what it feeds by USB."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where the board can tell."""
    low = facts.machine.undervoltage
    if low:
        what = "gives too little voltage; the board slows down, and may damage its card"
        yield Finding("supply", "power supply", Level.WARN, what, _FIX, lamps=("alarm:notice",))
    elif low is not None:
        yield Finding("supply", "power supply", Level.OK, "gives enough voltage")
