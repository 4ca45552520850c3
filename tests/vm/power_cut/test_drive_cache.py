"""The drive with a cache: what was flushed stays, of the rest any part goes."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from tests.vm.power_cut.drive_cache import DISCARD, FLUSH, FUA, MAGIC, SECTOR, DriveCache

SIZE = 8 * SECTOR


def entry(sector: int, content: bytes = b"", flags: int = 0, sectors: int | None = None) -> bytes:
    count = len(content) // SECTOR if sectors is None else sectors
    return struct.pack("<QQQQ", sector, count, flags, 0).ljust(SECTOR, b"\0") + content


def drive(work: Path, *entries: bytes) -> tuple[DriveCache, list[int]]:
    """The drive, and where each entry ends in its log."""
    (work / "empty").write_bytes(bytes(SIZE))
    log = struct.pack("<QQQI", MAGIC, 1, len(entries), SECTOR).ljust(SECTOR, b"\0")
    ends = []
    for each in entries:
        log += each
        ends.append(len(log))
    (work / "log").write_bytes(log)
    return DriveCache(work / "log", work / "empty", work / "durable", random.Random(1)), ends


def cut(work: Path, cache: DriveCache, place: int) -> str:
    """The first byte of each sector; "." for an empty one."""
    cache.cut(place, work / "image")
    image = (work / "image").read_bytes()
    assert len(image) == SIZE
    return "".join(chr(image[at] or ord(".")) for at in range(0, SIZE, SECTOR))


def write(sector: int, letter: bytes, flags: int = 0) -> bytes:
    return entry(sector, letter * SECTOR, flags)


def test_what_was_flushed_stays(tmp_path: Path) -> None:
    cache, ends = drive(tmp_path, write(0, b"a"), write(1, b"b"), entry(0, flags=FLUSH), write(2, b"c", FUA))
    assert cut(tmp_path, cache, ends[2]) == "ab......"
    assert cut(tmp_path, cache, ends[3]) == "abc....."
    assert cache.dropped == 0


def test_of_the_rest_any_part_may_go(tmp_path: Path) -> None:
    cache, ends = drive(tmp_path, write(0, b"a"), entry(0, flags=FLUSH), write(1, b"b"), write(2, b"c"))
    seen = set()
    for _ in range(64):
        left = cut(tmp_path, cache, ends[3])
        seen.add(left)
        assert cache.dropped == left.count(".") - 5
    assert seen == {"a.......", "ab......", "a.c.....", "abc....."}


def test_what_is_later_in_the_log_was_not_written_yet(tmp_path: Path) -> None:
    cache, ends = drive(tmp_path, write(0, b"a"), entry(0, flags=FLUSH), write(0, b"z"), entry(0, flags=FLUSH))
    assert cut(tmp_path, cache, ends[1]) == "a......."
    assert cut(tmp_path, cache, ends[3]) == "z......."


def test_a_discarded_sector_is_empty(tmp_path: Path) -> None:
    cache, ends = drive(
        tmp_path,
        write(0, b"a"),
        write(1, b"b"),
        entry(0, flags=DISCARD, sectors=1),
        entry(0, flags=FLUSH),
        write(2, b"c"),
    )
    assert cut(tmp_path, cache, ends[3]) == ".b......"


def test_cuts_are_made_where_something_is_in_the_cache(tmp_path: Path) -> None:
    cache, ends = drive(
        tmp_path, write(0, b"a"), entry(0, flags=FLUSH), write(1, b"b"), write(2, b"c", FUA), write(3, b"d")
    )
    assert cache.moments(10, after=ends[0]) == [ends[2], ends[4]]


def test_another_log_is_refused(tmp_path: Path) -> None:
    cache, _ = drive(tmp_path)
    (tmp_path / "log").write_bytes(bytes(2 * SECTOR))
    with pytest.raises(RuntimeError, match="no log of writes"):
        cache.moments(1, 0)
