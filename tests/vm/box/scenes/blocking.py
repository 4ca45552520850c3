"""Somebody on the VLAN asks for a decoy's title: the sensor says so, and `respond` whom it would block."""

from __future__ import annotations

import time

from tests.vm.box.guest import DICOM_TLS
from tests.vm.box.outcome import Outcome
from tests.vm.box.site import ATTACKER, VLAN, Site

_CALLED, _CALLING = b"ARCHIVE".ljust(16), b"LOOKING".ljust(16)


def _item(kind: int, content: bytes) -> bytes:
    return bytes((kind, 0)) + len(content).to_bytes(2, "big") + content


def request() -> bytes:
    """An A-ASSOCIATE-RQ for the decoy's title, in clear (PS3.8 9.3.2)."""
    context = b"\1\0\0\0" + _item(0x30, b"1.2.840.10008.1.1") + _item(0x40, b"1.2.840.10008.1.2")
    user = _item(0x51, (16384).to_bytes(4, "big")) + _item(0x52, b"1.2.3.4")
    items = _item(0x10, b"1.2.840.10008.3.1.1.1") + _item(0x20, context) + _item(0x50, user)
    body = b"\0\1\0\0" + _CALLED + _CALLING + bytes(32) + items
    return b"\1\0" + len(body).to_bytes(4, "big") + body


_BYTES = "".join(f"\\x{each:02x}" for each in request())
TOUCH = (
    f"nsenter --net=/proc/{ATTACKER}/ns/net bash -c"
    f" 'exec 3<>/dev/tcp/{VLAN}.1/{DICOM_TLS}; printf \"{_BYTES}\" >&3; sleep 2'"
)


def play(site: Site, outcome: Outcome) -> None:
    """A dry-run under the running systemd, with the unit's one capability."""
    guest = site.guest
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
