"""Does a delivery wait for a person?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a destination that has held deliveries; one for all where there are none."""
    held = {name: queue.get("held", 0) for name, queue in facts.destinations().items()}
    for name, number in held.items():
        if number:
            yield Finding(
                "held",
                name,
                Level.WARN,
                f"{count(number, 'instance')} held here: refused for good, or held back by a person",
                "`appliance queue held` says why. Mend it there, then `appliance queue retry`.",
                lamps=("backlog:held",),
            )
    if held and not any(held.values()):
        yield Finding("held", "deliveries", Level.OK, "none is held")
