"""When do certificates end? Asked 60, 30, 14 and 7 days before, so that a hospital CA has time to answer; that of
the CA that is built in two years, one, and 90 days before."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from appliance.panel.health.facts import CertificateEnd, Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import span

_DAY = 86400.0
_FORGOTTEN = 30 * _DAY  # after its end nobody uses it any more
_REQUEST = "`appliance certs request` begins that."
# Days that are left, at most: how bad, and what to do. The first that fits counts.
STAGES = (
    (0, Level.ALARM, "Have a new one issued now: whoever checks it refuses the connection."),
    (7, Level.ALARM, "Have a new one issued today."),
    (14, Level.WARN, "Have a new one issued this week."),
    (30, Level.WARN, "Have a new one issued; it is taken up without a restart of the modality."),
    (60, Level.OK, "Plan for a new one."),
)

# The same of the CA that is built in: each device has to be seen before it ends, and nobody from outside reminds of it.
ROLL_OVER = (
    (0, Level.ALARM, "Replace it now: whoever checks it refuses every certificate that it signed."),
    (90, Level.ALARM, "Replace it now: every device needs a certificate of the next one before."),
    (365, Level.WARN, "Replace it: every device needs a certificate of the next one before."),
    (730, Level.OK, "Plan to replace it: what it signs now ends with it."),
)
_ROLL = "`appliance certs roll --begin` begins that, and turns no device away."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding a certificate that the configuration names, and one a device whose own is about to end, or has."""
    for each in facts.certificates:
        own = each.place.endswith("certificate")
        if each.built_in:
            yield _finding(each, facts.now, _ROLL, ROLL_OVER)
            continue
        yield _finding(each, facts.now, _REQUEST if own else f"It is the CA's, and goes into {each.path}.")
    for each in facts.devices:
        name = shlex.quote(each.place)
        how = f"`appliance certs issue {name} …` makes it; if the device is gone: `appliance certs revoke {name}`."
        found = _finding(replace(each, place=f"of {each.place}"), facts.now, how)
        if found.level and facts.now - (each.not_after or 0) < _FORGOTTEN:
            yield found


def _finding(each: CertificateEnd, now: float, how: str, stages: Sequence[tuple[int, Level, str]] = STAGES) -> Finding:
    if each.not_after is None:
        what, fix = f"cannot be read: {each.error}", f"Look at {each.path}; `appliance check` says more."
        return Finding("certificates", each.place, Level.WARN, what, fix, lamps=("alarm:notice",))
    left = each.not_after - now
    for days, level, fix in stages:
        if left <= days * _DAY:
            what = f"expired {span(-left)} ago" if left <= 0 else f"expires in {span(left)}"
            lamp = {Level.OK: (), Level.WARN: ("alarm:notice",), Level.ALARM: ("alarm:alarm",)}[level]
            since = each.not_after - days * _DAY
            return Finding("certificates", each.place, level, what, f"{fix} {how}" if level else fix, since, lamp)
    return Finding("certificates", each.place, Level.OK, f"is good for {span(left)}")
