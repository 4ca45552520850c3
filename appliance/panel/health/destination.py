"""Does each destination take what we send, and may it be sent to?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import span

_IF_IT_LASTS = "If it lasts: is it up, and does it know this box (`appliance echo {name}` says)?"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a destination. One that waits for our identity is a matter of that."""
    for name, queue in facts.destinations().items():
        if queue.get("blocked"):
            continue
        if queue.get("paused") is not None:
            yield Finding(
                "destination",
                name,
                Level.WARN,
                "is held back by a person; what is for it waits",
                f"When it may go on: `appliance queue release {shlex.quote(name)}`.",
                queue["paused"],
                ("backlog:waiting",),
            )
            continue
        if queue.get("error"):
            again, lasts = queue.get("next_try_in"), _IF_IT_LASTS.format(name=shlex.quote(name))
            later = f"; next try in {again:.0f} s" if isinstance(again, int | float) and again >= 1 else ""
            yield Finding(
                "destination",
                name,
                Level.WARN,
                f"takes nothing now: {queue['error']}{later}",
                f"It is tried again by itself, and nothing is lost. {queue.get('advice') or lasts}",
                lamps=("backlog:waiting",),
            )
        elif queue.get("opens_in"):
            what = f"is closed by its schedule ({queue.get('schedule')}) for another {span(queue['opens_in'])}"
            yield Finding("destination", name, Level.OK, what)
        elif queue.get("delivered") or queue.get("instances_sent"):
            yield Finding("destination", name, Level.OK, "takes deliveries")
        else:
            what = f"was sent nothing lately; `appliance echo {shlex.quote(name)}` tries it"
            yield Finding("destination", name, Level.OK, what)
