"""The journal's entries are those of the catalogue, explained; and what all of it takes of memory."""

from __future__ import annotations

import json

from appliance.base import catalogue
from appliance.base.events import Event
from tests.vm.box import units
from tests.vm.box.outcome import Outcome
from tests.vm.box.site import Site

CATALOGUED = {event.message_id: event for event in vars(catalogue).values() if isinstance(event, Event)}
_PSS = (
    "for pid in $(cat /sys/fs/cgroup/system.slice/appliance-{name}.service/cgroup.procs);"
    r" do sed -n 's/^Pss: *\([0-9]*\) kB/\1/p' /proc/$pid/smaps_rollup; done"
)


def play(site: Site, outcome: Outcome) -> None:
    """Of the whole run until now."""
    guest = site.guest
    said = guest.must("journalctl -u 'appliance-*' -o json --output-fields=MESSAGE_ID,APPLIANCE_EVENT --no-pager")
    lines = [json.loads(line) for line in said.splitlines()]
    ours = {line["MESSAGE_ID"]: line["APPLIANCE_EVENT"] for line in lines if "APPLIANCE_EVENT" in line}
    known = all(number in CATALOGUED and CATALOGUED[number].code == code for number, code in ours.items())
    outcome.line("the journal's events are the catalogue's", known and len(ours) >= 2, ", ".join(sorted(ours.values())))
    for number, code in sorted(ours.items(), key=lambda each: each[1]):
        entry = guest.must(f"journalctl MESSAGE_ID={number} -n 1 -x --no-pager")
        explained = "pacs-appliance" in entry and f" Subject: {code}:" in entry
        if not explained or code == "STARTED":
            outcome.line(f"journalctl -x explains {code}", explained, "" if explained else entry[-200:])
    pss = {}
    for name in units.PROGRAMS:
        kilobytes = guest.must(_PSS.format(name=name)).split()
        pss[name] = sum(map(int, kilobytes)) / 1024
    note = ", ".join(f"{name} {size:.0f}" for name, size in pss.items())
    outcome.line("memory of all programs (PSS, MB)", all(pss.values()), f"{sum(pss.values()):.0f} ({note})")
