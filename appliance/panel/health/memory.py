"""Is there enough memory? A box that lacks it does not fail, it becomes slow."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

PRESSED = 0.1  # of five minutes in which somebody waited for memory
_FIX = "What needs so much (ps aux --sort -rss)? Fewer workers or associations need less."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where the kernel tells."""
    waited = facts.machine.memory_pressure
    if waited is None:
        return
    if waited >= PRESSED:
        what = f"is short: programs waited for it {waited:.0%} of the last five minutes"
        yield Finding("memory", "memory", Level.WARN, what, _FIX, lamps=("alarm:notice",))
    else:
        yield Finding("memory", "memory", Level.OK, "is enough")
