"""One segment, written by a worker: the order of writing and flushing, its end, and that nothing is tried twice."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from appliance.vault.layout import StateLayout
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.segment import Segment
from appliance.vault.segment_record import BLOCK
from appliance.vault.waiting_segments import WaitingSegments
from tests.vault.media import Recording

SEGMENT = "5e" * 16
HEADER, PAYLOAD = b"header", b"payload" * 100


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    layout = StateLayout(tmp_path)
    layout.create()
    return layout


@pytest.fixture
def disk() -> Recording:
    return Recording()


def _segment(layout: StateLayout, disk: Recording, blocks: int = 64) -> Segment:
    path = layout.segment(SEGMENT)
    path.write_bytes(bytes(blocks * BLOCK))
    descriptor = disk.open_to_write(path)
    assert disk.lock(descriptor)
    disk.transcript.clear()
    return Segment(layout, disk, SEGMENT, descriptor)


def _id(number: int) -> str:
    return f"{number:032x}"


def _held(layout: StateLayout) -> set[str]:
    return set(WaitingSegments(layout, Recording()).look([f"{SEGMENT}.segment"]))


def _locked(layout: StateLayout) -> bool:
    with layout.segment(SEGMENT).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_order_in_which_a_record_becomes_durable(layout: StateLayout, disk: Recording) -> None:
    segment = _segment(layout, disk)
    assert segment.append(_id(1), HEADER, PAYLOAD)
    assert segment.append(_id(2), HEADER, PAYLOAD)
    assert disk.transcript == [
        ("open to write", ".segment"),
        ("write", "header"),  # at offset 0
        ("sync data", ""),
        ("open to write", ".segment"),
        ("write", "payload"),  # further on
        ("sync data", ""),
    ]
    assert _held(layout) == {_id(1), _id(2)}
    segment.retire()


def test_no_block_is_written_twice(layout: StateLayout, disk: Recording) -> None:
    writes: list[tuple[int, int]] = []
    write_at = disk.write_at

    def noted(descriptor: int, data: bytes | memoryview, offset: int) -> None:
        writes.append((offset, len(data)))
        write_at(descriptor, data, offset)

    disk.write_at = noted  # type: ignore[method-assign]
    segment = _segment(layout, disk)
    for number in range(10):
        assert segment.append(_id(number), HEADER, os.urandom(number * 1000))
    assert all(offset % BLOCK == 0 and length % BLOCK == 0 for offset, length in writes)
    assert all(offset + length == after for (offset, length), (after, _) in itertools.pairwise(writes))
    segment.retire()


def test_a_flush_that_failed_is_not_tried_again_and_nothing_more_is_written(
    layout: StateLayout, disk: Recording
) -> None:
    segment = _segment(layout, disk)
    disk.fail("sync data")
    with pytest.raises(DiskRefused) as caught:
        segment.append(_id(1), HEADER, PAYLOAD)
    assert caught.value.condition is Condition.BROKEN
    disk.failing.clear()
    disk.transcript.clear()
    assert segment.over
    assert not segment.append(_id(2), HEADER, PAYLOAD)
    assert disk.transcript == []
    assert not _locked(layout)
    assert _held(layout) == {_id(1)}  # it may be durable, and is adopted: a copy too many


def test_those_who_gathered_behind_a_failed_flush_are_not_flushed(layout: StateLayout, disk: Recording) -> None:
    """Their pages may have been dropped with it, and a flush of what is called clean would go well."""
    segment = _segment(layout, disk)
    wrote, entered, failed = threading.Semaphore(0), threading.Event(), threading.Event()
    write_at, flushes = disk.write_at, []

    def write(descriptor: int, data: bytes | memoryview, offset: int) -> None:
        write_at(descriptor, data, offset)
        wrote.release()

    def sync(descriptor: int) -> None:
        flushes.append(descriptor)
        entered.set()
        failed.wait(10)
        raise DiskRefused("told to fail", Condition.BROKEN)

    disk.write_at, disk.sync_data = write, sync  # type: ignore[method-assign]
    refused: list[int] = []

    def append(number: int) -> None:
        try:
            segment.append(_id(number), HEADER, PAYLOAD)
        except DiskRefused:
            refused.append(number)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    for _ in threads:
        assert wrote.acquire(timeout=10)
    failed.set()
    for thread in threads:
        thread.join()
    assert sorted(refused) == [0, 1, 2, 3]
    assert len(flushes) == 1
    assert not _locked(layout)


def test_a_write_that_failed_ends_the_segment(layout: StateLayout, disk: Recording) -> None:
    segment = _segment(layout, disk)
    assert segment.append(_id(1), HEADER, PAYLOAD)
    disk.fail("write", errno.EIO)
    with pytest.raises(DiskRefused):
        segment.append(_id(2), HEADER, PAYLOAD)
    disk.failing.clear()
    assert not segment.append(_id(3), HEADER, PAYLOAD)
    assert _held(layout) == {_id(1)}
    assert not _locked(layout)


def test_a_full_segment_takes_nothing_more_and_gives_its_lock_up(layout: StateLayout, disk: Recording) -> None:
    segment = _segment(layout, disk, blocks=3)
    assert segment.append(_id(1), HEADER, PAYLOAD)
    assert segment.append(_id(2), HEADER, PAYLOAD)
    assert _locked(layout)
    disk.transcript.clear()
    assert not segment.append(_id(3), HEADER, bytes(2 * BLOCK))
    assert segment.over
    assert disk.transcript == [("unlock", "")]
    assert not _locked(layout)
    assert not segment.append(_id(4), HEADER, PAYLOAD)  # though this one would have fitted
    assert layout.segment(SEGMENT).stat().st_size == 3 * BLOCK


def test_who_waits_for_the_last_flush_is_not_cut_off(layout: StateLayout, disk: Recording) -> None:
    segment = _segment(layout, disk)
    entered, go_on = threading.Event(), threading.Event()
    sync_data = disk.sync_data

    def sync(descriptor: int) -> None:
        entered.set()
        go_on.wait(10)
        sync_data(descriptor)

    disk.sync_data = sync  # type: ignore[method-assign]
    kept: list[bool] = []
    thread = threading.Thread(target=lambda: kept.append(segment.append(_id(1), HEADER, PAYLOAD)))
    thread.start()
    assert entered.wait(10)
    segment.retire()
    assert _locked(layout)
    go_on.set()
    thread.join()
    assert kept == [True]
    assert not _locked(layout)


def test_a_segment_that_lost_its_name_is_not_written(layout: StateLayout, disk: Recording) -> None:
    """Nobody would find the record: another file system may be mounted there now."""
    segment = _segment(layout, disk)
    layout.segment(SEGMENT).rename(layout.root / "elsewhere")
    assert not segment.append(_id(1), HEADER, PAYLOAD)
    assert segment.over
    assert (layout.root / "elsewhere").read_bytes() == bytes(64 * BLOCK)


def test_what_was_flushed_before_is_said_in_what_is_written_after(layout: StateLayout, disk: Recording) -> None:
    segment = _segment(layout, disk)
    for number in range(3):
        segment.append(_id(number), HEADER, PAYLOAD)
    segment.retire()
    content = layout.segment(SEGMENT).read_bytes()
    settled = [int.from_bytes(content[at * BLOCK + 40 : at * BLOCK + 44]) for at in range(3)]
    assert settled == [0, BLOCK, 2 * BLOCK]


class Slow(Recording):
    """A disk that takes five milliseconds for a flush: on one that takes none, nobody needs to share."""

    def sync_data(self, descriptor: int) -> None:
        time.sleep(0.005)
        super().sync_data(descriptor)


def test_eight_threads_share_flushes_and_lose_nothing(layout: StateLayout) -> None:
    disk = Slow()
    segment = _segment(layout, disk, blocks=1024)
    started = threading.Barrier(8)
    kept: list[str] = []

    def associate(name: int) -> None:
        started.wait()
        for number in range(20):
            object_id = _id(name * 100 + number)
            assert segment.append(object_id, HEADER, os.urandom(3000 + number * 200))
            kept.append(object_id)

    threads = [threading.Thread(target=associate, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 160
    assert _held(layout) == set(kept)
    operations = [operation for operation, _ in disk.transcript]
    assert operations.count("write") == 160
    assert 1 <= operations.count("sync data") < 80
    # What is answered was written before a flush that began after it: the transcript ends with a flush.
    assert operations[-1] == "sync data"
    segment.retire()


def test_closed_descriptors(layout: StateLayout, disk: Recording) -> None:
    before = len(os.listdir("/proc/self/fd"))
    segment = _segment(layout, disk)
    for number in range(5):
        segment.append(_id(number), HEADER, PAYLOAD)
    segment.retire()
    segment.retire()
    assert len(os.listdir("/proc/self/fd")) == before
