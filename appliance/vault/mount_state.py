"""What the kernel says of the file system that a directory lies on: whether it has given it up.

ext4 since Linux 6.12 answers statvfs as ever after an error. Since 6.15 it tells in its mount options that it takes
nothing more; between the two it only counts the error. Reads /proc and /sys; changes nothing.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SYSFS = Path("/sys")
_GIVEN_UP = {"shutdown": errno.EIO, "emergency_ro": errno.EROFS, "ro": errno.EROFS}


def given_up(device: int, mounts: Path = _MOUNTS) -> int:
    """The errno that writing to the file system with this device number (`st_dev`) would end in; 0 where none is known:
    it is as it should be, or is not listed by that number (Btrfs)."""
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return 0
    for line in lines:
        ours, _, theirs = line.partition(" - ")
        if ours.split(" ", 3)[2:3] == [wanted]:
            options = theirs.rpartition(" ")[2].split(",")
            return next((number for word, number in _GIVEN_UP.items() if word in options), 0)
    return 0


def errors(device: int, sysfs: Path = _SYSFS) -> int:
    """How many errors ext4 has found in the file system with this device number since it was last checked; 0 where
    there are none, and for others."""
    try:
        name = (sysfs / f"dev/block/{os.major(device)}:{os.minor(device)}").readlink().name
        return int((sysfs / "fs/ext4" / name / "errors_count").read_text())
    except (OSError, ValueError):
        return 0
