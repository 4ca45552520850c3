"""Will the medium last? Of eMMC; a card or a disk does not tell it in this way."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

OLD = 0.9  # of its life
_FIX = "Plan for another one: what is stored moves along as systemd/README.md says of a disk of its own."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding about what is worn out, where it tells."""
    used = facts.machine.life_used
    if used is None:
        return
    if used > 1:
        what = "has been written more often than it was made for, and may fail any day"
        yield Finding("wear", "medium", Level.ALARM, what, _FIX, lamps=("alarm:alarm",))
    elif used >= OLD or facts.machine.nearly_spent:
        what = f"has used {used:.0%} of its life" + (", and most of its spare blocks" * facts.machine.nearly_spent)
        yield Finding("wear", "medium", Level.WARN, what, _FIX, lamps=("alarm:notice",))
    else:
        yield Finding("wear", "medium", Level.OK, f"has used {used:.0%} of its life at most")
