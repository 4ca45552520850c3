"""How long has the oldest delivery waited?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts, Said
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count, span


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a destination: well while the oldest is young."""
    for name, queue in facts.destinations().items():
        waiting = queue.get("waiting", 0) + queue.get("leased", 0)
        oldest = queue.get("oldest")
        age = facts.now - oldest if waiting and isinstance(oldest, int | float) else 0.0
        late = age - queue.get("rests", 0.0)  # what its schedule does not explain
        if late > limits.BACKLOG_ALARM.default:
            level, lamps = Level.ALARM, ["backlog:waiting", "alarm:alarm"]
        elif late > limits.BACKLOG_WARN.default:
            level, lamps = Level.WARN, ["backlog:waiting"]
        else:
            what = f"{count(waiting, 'instance')} on the way" if waiting else "nothing waits"
            if waiting and queue.get("error"):
                what = f"{count(waiting, 'instance')} wait for it, the oldest for {span(age)}"
            elif waiting and queue.get("opens_in"):
                what = f"{count(waiting, 'instance')} wait for its schedule, for another {span(queue['opens_in'])}"
            yield Finding("backlog", name, Level.OK, what)
            continue
        what = f"{count(waiting, 'instance')} wait for it, the oldest for {span(age)}"
        yield Finding("backlog", name, level, what, _fix(name, queue), oldest, tuple(lamps))


def _fix(name: str, queue: Said) -> str:
    quoted = shlex.quote(name)
    if queue.get("blocked"):
        return "It waits for a key: `appliance unlock`. Until then the disk has to hold what waits."
    if queue.get("paused") is not None:
        return (
            f"A person holds it back: `appliance queue release {quoted}`. Until then the disk has to hold what waits."
        )
    why = "takes nothing" if queue.get("error") else "takes so little"
    return f"`appliance echo {quoted}` says why it {why}; until then the disk has to hold what waits."
