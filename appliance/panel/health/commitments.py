"""Do modalities hear that their images are safe?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where commitment was ever asked. Reports that wait are normal for a device that comes back later."""
    open_requests = facts.said("forward").get("commitments")
    if not isinstance(open_requests, dict):
        return
    asked, decided = open_requests.get("asked", 0), open_requests.get("decided", 0)
    if asked or decided:
        what = f"{count(asked, 'request')} to be decided, {count(decided, 'report')} to be given"
    else:
        what = "every request was answered"
    yield Finding("commitments", "storage commitment", Level.OK, what)
