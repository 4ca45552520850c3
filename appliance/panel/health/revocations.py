"""Do revocation lists still hold? One past its date has `receive` refuse every device of its CA."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts, ListEnd
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import span

_DAY = 86400.0
_FETCH = "Fetch the list of today from the CA; it is taken up by itself. A timer should do that."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a list, where the configuration names any."""
    for each in facts.lists:
        yield _finding(each, facts.now)


def _finding(each: ListEnd, now: float) -> Finding:
    if each.error:
        what, fix = f"cannot be read: {each.error}", f"Look at {each.path}; `appliance check` says more."
        return Finding("revocations", each.place, Level.WARN, what, fix, lamps=("alarm:notice",))
    subject = f"{each.place}, {each.issuer}"
    if each.ends is None:
        return Finding("revocations", subject, Level.OK, "has no end")
    left = each.ends - now
    if left <= 0:
        what = f"expired {span(-left)} ago: all devices of this CA are refused"
        return Finding("revocations", subject, Level.ALARM, what, _FETCH, each.ends, ("alarm:alarm",))
    warn = min(_DAY, (each.ends - each.begins) / 4)  # some live no longer than a day
    if left <= warn:
        what = f"expires in {span(left)}; from then on all devices of this CA are refused"
        return Finding("revocations", subject, Level.WARN, what, _FETCH, each.ends - warn, ("alarm:notice",))
    return Finding("revocations", subject, Level.OK, f"is good for {span(left)}")
