"""The appliance's units as the guest's systemd knows them."""

from __future__ import annotations

import time

from tests.vm.box.guest import Guest

PROGRAMS = ("panel", "forward", "receive", "respond", "sensor")
_PROPERTIES = (
    "ActiveState,SubState,Type,MainPID,NRestarts,Result,StatusText,ActiveEnterTimestampMonotonic,"
    "ExecMainStartTimestampMonotonic"
)


def show(guest: Guest, unit: str) -> dict[str, str]:
    """Its properties."""
    said = guest.must(f"systemctl show {unit} -p {_PROPERTIES}")
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def seconds(properties: dict[str, str], name: str) -> float:
    """A time stamp of it, on the guest's monotonic clock."""
    return int(properties[f"{name}TimestampMonotonic"]) / 1e6


def wait(guest: Guest, unit: str, patience: float, *, not_pid: str = "") -> dict[str, str]:
    """Until it is active, under another process than `not_pid`."""
    give_up = time.monotonic() + patience
    while True:
        found = show(guest, unit)
        if found["ActiveState"] == "active" and found["MainPID"] not in (not_pid, "0"):
            return found
        if time.monotonic() > give_up:
            log = guest.run(f"journalctl -u {unit} -n 15 --no-pager -o cat").out
            raise RuntimeError(f"{unit} is not active after {patience:.0f} s: {found}\n{log}")
        time.sleep(0.5)
