"""Are there inodes for more files? A disk of small instances can run out of them first."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.panel.health.disk import NEAR
from appliance.panel.health.facts import Facts
from appliance.panel.health.finding import Finding, Level

_FIX = "Get deliveries going; a new file system for the state directory wants more inodes (mkfs.ext4 -i 16384)."


def check(facts: Facts) -> Iterator[Finding]:
    """One finding, where the file system has a fixed number."""
    room = facts.room
    if room is None or not room.inodes:
        return
    free = f"{room.inodes_free} of {room.inodes} inodes are free, {room.inodes_reserve} are reserved"
    if room.inodes_free <= room.inodes_reserve:
        what = f"is out of inodes: {free}; modalities hear 0xA700"
        yield Finding("inodes", "state directory", Level.ALARM, what, _FIX, lamps=("ready:refusing", "alarm:alarm"))
    elif room.inodes_free <= NEAR * room.inodes_reserve:
        what = f"is running out of inodes: {free}"
        yield Finding("inodes", "state directory", Level.WARN, what, _FIX, lamps=("alarm:notice",))
    else:
        share = room.inodes_free / room.inodes
        yield Finding("inodes", "state directory", Level.OK, f"{share:.0%} of the inodes are free")
