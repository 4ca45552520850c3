"""Does each program run, and does it talk?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_LONG_GONE = 60.0  # seconds: whoever starts it again does so before
# By state: how bad, what is said, which lamp.
_STATES = {
    "ok": (Level.OK, "runs", ()),
    "starting": (Level.OK, "has not spoken yet; it is given a moment", ()),
    "stopped": (Level.WARN, "was stopped", ("alarm:notice",)),
    "never": (Level.ALARM, "never spoke since it is expected", ("alarm:alarm",)),
    "silent": (Level.ALARM, "says nothing any more; it hangs, or is gone", ("alarm:alarm",)),
    "ended": (Level.ALARM, "ended by itself; it is started again", ("alarm:alarm",)),
}
# Programs that not every box has: their units are enabled by hand.
_BY_HAND = ("sensor", "respond")


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a program."""
    for name, said in facts.programs.items():
        level, what, lamps = _STATES[said["state"]]
        fix, since = "", said.get("since")
        if said["state"] == "ok" and (stuck := said.get("stuck")):
            level, lamps, since = Level.ALARM, ("alarm:alarm",), None
            what = f"runs in part: {', '.join(stuck)} ended or comes no further; the watchdog starts it again"
        if said["state"] == "ok" and (doing := said.get("starting")):
            what = f"starts: {doing}"
        if said["state"] == "stopped":
            fix = f"If nobody meant to: systemctl start appliance-{name}."
        elif said["state"] == "never" and name in _BY_HAND:
            fix = f"The configuration asks for it. Is it enabled? systemctl enable --now appliance-{name}."
        elif level:
            fix = f"Look at its last lines: journalctl -u appliance-{name} -n 50."
        if said["state"] == "ended" and since is not None and facts.now - since > _LONG_GONE:
            what = "ended, and nobody started it again"
            fix += f" Mend what they say, then: systemctl start appliance-{name}."
        yield Finding("program", name, level, what, fix, since, lamps)
