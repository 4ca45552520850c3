"""Is the medium fast enough? One that fails often becomes slow first."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

SLOW = 0.9  # of five minutes in which everything waited for a disk
_FIX = "Is it a slow card, or does it fail (dmesg)? systemd/README.md moves what is stored to a disk of its own."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where the kernel tells."""
    waited = facts.machine.disk_pressure
    if waited is None:
        return
    if waited >= SLOW:
        what = f"is too slow: everything waited for it {waited:.0%} of the last five minutes"
        yield Finding("speed", "disk", Level.WARN, what, _FIX, lamps=("alarm:notice",))
    else:
        yield Finding("speed", "disk", Level.OK, "is fast enough")
