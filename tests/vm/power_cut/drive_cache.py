"""What a drive with a cache of its own leaves: everything up to the last flush, and of what came after it any part.

QEMU's blklogwrites writes down each write and flush in the format of dm-log-writes (Linux, log-writes.rst). Owns the
reading of that log and the image that is made of it; never touches the guest's own disk. Any place of the log may be
cut at: a guest mostly computes, so that few cuts by the clock would find anything in the cache.
"""

from __future__ import annotations

import random
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One write, of `content` at `offset`; or a flush, which has none."""

    offset: int
    content: bytes
    flags: int
    length: int


class DriveCache:
    """A drive that was empty when the log began; the log is complete."""

    def __init__(self, log: Path, empty: Path, durable: Path, dice: random.Random) -> None:
        self._log, self._durable, self._dice = log, durable, dice
        self._flushed = SECTOR  # in the log, up to where `durable` goes
        self.dropped = 0
        """Writes that the last cut lost."""
        shutil.copyfile(empty, durable)

    def moments(self, number: int, after: int) -> list[int]:
        """Places in the log, in its order and behind `after`, at which a write is in the cache."""
        places = []
        with self._log.open("rb") as log:
            _check(log.read(SECTOR))
            while entry := _next(log):
                if not entry.flags & (FLUSH | FUA) and log.tell() > after:
                    places.append(log.tell())
        return sorted(self._dice.sample(places, min(number, len(places))))

    def cut(self, place: int, into: Path) -> None:
        """What is on the medium if the power goes at this place of the log, as an image. Each cut is later than the one
        before."""
        waiting: list[Entry] = []
        with self._durable.open("r+b") as medium, self._log.open("rb") as log:
            log.seek(self._flushed)
            while log.tell() < place and (entry := _next(log)):
                waiting.append(entry)
                if entry.flags & FLUSH:
                    for each in waiting:
                        _apply(each, medium)
                    waiting.clear()
                    self._flushed = log.tell()
        shutil.copyfile(self._durable, into)
        kept = [entry for entry in waiting if entry.flags & FUA or self._dice.random() < 0.5]
        self.dropped = len(waiting) - len(kept)
        with into.open("r+b") as medium:
            for entry in kept:
                _apply(entry, medium)


def _check(head: bytes) -> None:
    magic, version, _, size = _SUPER.unpack_from(head)
    if (magic, version, size) != (MAGIC, 1, SECTOR):
        raise RuntimeError(f"this is no log of writes with sectors of {SECTOR} bytes")


def _next(log: BinaryIO) -> Entry | None:
    """The entry at this place; None at the end."""
    head = log.read(SECTOR)
    if len(head) < SECTOR:
        return None
    sector, sectors, flags, _ = _ENTRY.unpack_from(head)
    if not sectors and not flags:
        return None
    length = sectors * SECTOR
    content = b"" if flags & DISCARD else log.read(length)
    return Entry(sector * SECTOR, content, flags, length)


def _apply(entry: Entry, medium: BinaryIO) -> None:
    if not entry.length:
        return
    medium.seek(entry.offset)
    medium.write(bytes(entry.length) if entry.flags & DISCARD else entry.content)
