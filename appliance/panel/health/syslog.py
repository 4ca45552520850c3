"""Do alerts reach the collector?"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from appliance.base import limits
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import count

NO_NETWORK = os.strerror(errno.EAFNOSUPPORT).lower()
"""What the panel hears under its unit, until the drop-in for a collector is there."""
_DOCUMENTS = "/usr/share/doc/pacs-appliance"
ALLOW = (
    f"install -D -m 644 {_DOCUMENTS}/firmware-config/appliance-panel-syslog.conf "
    "/etc/systemd/system/appliance-panel.service.d/syslog.conf && systemctl daemon-reload && "
    "systemctl restart appliance-panel"
)


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where there is a collector; another where records were lost to the bound of the spool."""
    state = facts.exporter
    if state is None:
        return
    name, waiting = str(state["collector"]), int(state["waiting"])
    if state["error"]:
        wait = "waits" if waiting == 1 else "wait"
        what = f"cannot be reached: {state['error']}; {count(waiting, 'record')} {wait} on the disk"
        fix = "It is tried again by itself. Is it up, do the certificates fit, and may the panel use the network?"
        if state["error"] == NO_NETWORK:
            fix = f"The panel has no network yet. {ALLOW}"
        yield Finding("syslog", name, Level.WARN, what, fix, state["since"], ("alarm:notice",))
    else:
        yield Finding("syslog", name, Level.OK, "takes alerts" if state["connected"] else "is being called")
    if state["lost"] and facts.now - state["lost_at"] <= limits.LOSS_MEMORY.default:
        what = f"{count(state['lost'], 'record')} could not be kept for it"
        fix = "They are in `appliance alerts` and in the log. Mend the way to the collector."
        yield Finding("syslog", "spool", Level.WARN, what, fix, lamps=("alarm:notice",))
