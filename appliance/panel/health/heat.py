"""Is the board too hot?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

HOT = 80.0  # °C where the board does not say: a Raspberry Pi slows down from there on
NEAR = 5.0  # °C below what is critical
_FIX = "Is the cabinet closed, is it ventilated, does a fan stand still? The box works on, slower."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where the board has a thermometer."""
    machine = facts.machine
    now = machine.temperature
    if now is None:
        return
    if machine.critical_at is not None and now >= machine.critical_at - NEAR:
        what = f"is at {now:.0f} °C; the board switches itself off at {machine.critical_at:.0f} °C"
        yield Finding("heat", "temperature", Level.ALARM, what, _FIX, lamps=("alarm:alarm",))
    elif now >= (machine.hot_at or HOT):
        yield Finding("heat", "temperature", Level.WARN, f"is at {now:.0f} °C", _FIX, lamps=("alarm:notice",))
    else:
        yield Finding("heat", "temperature", Level.OK, f"is at {now:.0f} °C")
