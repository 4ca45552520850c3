"""Do destinations prove what they stored, where they have to?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a destination whose proof is storage commitment."""
    for name, queue in facts.destinations().items():
        overdue, error = queue.get("overdue"), queue.get("proof_error")
        if not isinstance(overdue, int) or not isinstance(error, str):
            continue
        stored = queue.get("stored", 0)
        if error or overdue:
            late = f"has not committed in time to {count(overdue, 'instance')} that it stored" if overdue else ""
            asked = f"cannot be asked to commit to what it stored: {error}" if error else ""
            yield Finding(
                "proofs",
                name,
                Level.WARN,
                "; ".join(each for each in (late, asked) if each),
                "It is asked again by itself, and nothing is forgotten. If it lasts: does it offer storage commitment "
                "to this box, and can it reach us for its reports?",
                lamps=("backlog:waiting",),
            )
        else:
            what = f"{count(stored, 'instance')} stored and to be proven" if stored else "has proven all that it stored"
            yield Finding("proofs", name, Level.OK, what)
