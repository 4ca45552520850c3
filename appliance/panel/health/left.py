"""Is anything owed to a destination that is not in the configuration any more?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each such destination: its instances stay here, and go nowhere."""
    for name, owed in facts.said("forward").get("left", {}).items():
        number = owed.get("waiting", 0) + owed.get("stored", 0) + owed.get("held", 0)
        yield Finding(
            "left",
            name,
            Level.WARN,
            f"is no [[destination]] any more, and {count(number, 'instance')} for it did not get there; they stay here",
            "Put the [[destination]] back under this name, if need be with another address.",
            owed.get("oldest"),
            ("backlog:waiting", "alarm:notice"),
        )
