"""Is there room for more instances?"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import amount

NEAR = 1.5  # times the reserve: a person should look before it is reached
_FIX = (
    "Get deliveries going (`appliance queue list`), or give the state directory more room. Nothing unproven is deleted."
)


_LOST_FIX = (
    "Look at the kernel's log (dmesg); umount, e2fsck -f, mount. Under systemd, stop appliance.target for that "
    "where it is not mounted at /srv/appliance/disk."
)


def check(facts: Facts) -> Iterator[Finding]:
    """One finding about the medium of the state directory; another where `forward` cannot use what lies there."""
    room = facts.room
    if facts.lost and (room is None or room.writable):
        what = f"takes nothing: {facts.lost}; modalities hear 0xA700"
        fix = facts.lost_fix or _LOST_FIX
        yield Finding("disk", "state directory", Level.ALARM, what, fix, lamps=("ready:refusing", "alarm:alarm"))
        return
    if reason := facts.said("forward").get("medium"):
        what = f"cannot be used: {reason}; deliveries wait"
        yield Finding("disk", "ledger", Level.ALARM, what, _LOST_FIX, lamps=("alarm:alarm",))
    if room is None:
        if facts.room_error:
            what, fix = f"cannot be looked at: {facts.room_error}", "Check the disk and the directory."
            yield Finding("disk", "state directory", Level.ALARM, what, fix, lamps=("alarm:alarm",))
        return
    free = f"{amount(room.free)} of {amount(room.total)} are free, {amount(room.reserve)} are reserved"
    if not room.writable:
        what, fix = (
            "is mounted read-only; modalities hear 0xA700",
            "Look at the kernel's log (dmesg): the disk may fail.",
        )
        yield Finding("disk", "state directory", Level.ALARM, what, fix, lamps=("ready:refusing", "alarm:alarm"))
    elif room.free < room.reserve:
        what = f"is full: {free}; modalities hear 0xA700 and keep their images"
        yield Finding("disk", "state directory", Level.ALARM, what, _FIX, lamps=("ready:refusing", "alarm:alarm"))
    elif room.free < NEAR * room.reserve:
        yield Finding("disk", "state directory", Level.WARN, f"is filling: {free}", _FIX, lamps=("alarm:notice",))
    else:
        yield Finding("disk", "state directory", Level.OK, free)
