"""Somebody on the VLAN touches a decoy: the sensor says so, and `respond` whom it would block."""

from __future__ import annotations

import time

from tests.vm.box.outcome import Outcome
from tests.vm.box.site import ATTACKER, DECOY_PORT, VLAN, Site

TOUCH = (
    f"nsenter --net=/proc/{ATTACKER}/ns/net bash -c"
    f" 'exec 3<>/dev/tcp/{VLAN}.1/{DECOY_PORT}; printf \"\\1\\0\\0\\0\" >&3; sleep 1'"
)
# Somebody has to complete the handshake: nobody is blocked for what could be forged.
LISTEN = (
    'systemd-run --unit=decoy -q python3 -c \'import socket; s = socket.create_server(("0.0.0.0",'
    f" {DECOY_PORT})); [s.accept()[0].recv(9) for _ in range(9)]';"
    f" until ss -ltn | grep -q :{DECOY_PORT}; do sleep 0.5; done"
)


def play(site: Site, outcome: Outcome) -> None:
    """A dry-run under the running systemd, with the unit's one capability."""
    guest = site.guest
    guest.run(LISTEN)
    guest.run(TOUCH)
    give_up, said = time.monotonic() + 60, ""
    while "BLOCK-WOULD" not in said and time.monotonic() < give_up:
        time.sleep(1)
        said = guest.run("journalctl -u appliance-respond -o json --no-pager | tail -20").out
    would = [line for line in said.splitlines() if "BLOCK-WOULD" in line]
    outcome.line(
        "respond says whom it would block",
        any(f"{VLAN}.66" in line for line in would),
        "" if would else guest.run("appliance alerts | tail -5; journalctl -u appliance-sensor -n 5 -o cat").out,
    )
    alerts = guest.run("appliance alerts --rule D46 --json").out
    outcome.line(
        "`appliance alerts` has the dry-run", f"{VLAN}.66" in alerts, "" if f"{VLAN}.66" in alerts else alerts[-200:]
    )
    rules = guest.run("nft list ruleset").out.strip()
    outcome.line("and the packet filter is untouched", not rules, rules[:200])
