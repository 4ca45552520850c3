"""Whether there is room for another object: bytes and inodes above the reserve. Keeps no count."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from appliance.base.limits import INODE_RESERVE
from appliance.config.values import Share
from appliance.vault.declared_mount import DeclaredMount
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused


@dataclass(frozen=True, slots=True)
class Room:
    """What a medium holds. Bytes and inodes; `free` is what an ordinary user may still take."""

    total: int
    free: int
    reserve: int
    inodes: int
    inodes_free: int
    inodes_reserve: int
    writable: bool


class Space:
    """The reserve below which nothing new is accepted, so that what was accepted can still be handled."""

    def __init__(
        self, path: Path, min_free: Share, medium: Medium | None = None, mount: DeclaredMount | None = None
    ) -> None:
        self._path = path
        self._min_free = min_free
        self._mount = mount
        self._medium = medium or Medium()

    def room(self) -> Room:
        """Measure. The inode reserve is the same fraction, or a fixed count where the share is given in bytes."""
        usage = self._medium.usage(self._path)
        total = usage.f_blocks * usage.f_frsize
        inodes = usage.f_files  # 0 where the file system makes inodes as it needs them (Btrfs)
        return Room(
            total=total,
            free=usage.f_bavail * usage.f_frsize,
            reserve=self._min_free.of(total),
            inodes=inodes,
            inodes_free=usage.f_favail,
            inodes_reserve=int(inodes * self._min_free.fraction) or min(INODE_RESERVE.default, inodes // 10),
            writable=not usage.f_flag & os.ST_RDONLY,
        )

    def objection(self, size_hint: int = 0) -> DiskRefused | None:
        """What speaks against accepting `size_hint` more bytes, or None."""
        if self._mount and (missing := self._mount.objection()):
            return missing
        room = self.room()
        if not room.writable:
            return DiskRefused("the state directory is mounted read-only", Condition.READ_ONLY)
        if room.free - size_hint < room.reserve:
            return DiskRefused(f"{room.free >> 20} MiB are free, {room.reserve >> 20} MiB are reserved", Condition.FULL)
        if room.inodes and room.inodes_free <= room.inodes_reserve:
            return DiskRefused(
                f"{room.inodes_free} inodes are free, {room.inodes_reserve} are reserved", Condition.FULL
            )
        return None

    def allows(self, size_hint: int = 0) -> bool:
        """Whether `size_hint` more bytes, in one more file, leave the reserve alone. False too where nothing can be
        asked: a medium that does not answer takes no objects."""
        try:
            return self.objection(size_hint) is None
        except DiskRefused:
            return False
