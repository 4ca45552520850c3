"""A worker's segments: made beside those who store, taken up again, and never a reason to wait or to fail."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.vault.layout import StateLayout
from appliance.vault.refusals import Condition, DiskRefused, refused
from appliance.vault.segment_record import BLOCK
from appliance.vault.segments import Segments
from appliance.vault.waiting_segments import WaitingSegments
from tests.vault.media import Recording

SIZE = 8 * BLOCK
LONG_AGO = "0f" * 16


@pytest.fixture
def layout(tmp_path: Path) -> StateLayout:
    layout = StateLayout(tmp_path)
    layout.create()
    return layout


@pytest.fixture
def disk() -> Recording:
    return Recording()


@pytest.fixture
def made(layout: StateLayout, disk: Recording) -> Iterator[Callable[..., Segments]]:
    all_of_them: list[Segments] = []

    def make(**changes: object) -> Segments:
        values: dict[str, object] = {"size": SIZE, "quiet": 3600, "pause": 3600}
        segments = Segments(layout, disk, **values | changes)  # type: ignore[arg-type]
        all_of_them.append(segments)
        return segments

    yield make
    for segments in all_of_them:
        segments.close()


def _append(segments: Segments, size: int = 1000) -> str | None:
    object_id = os.urandom(16).hex()
    return object_id if segments.append(object_id, b"header", os.urandom(size)) else None


def _names(layout: StateLayout) -> list[str]:
    return sorted(path.suffix for path in layout.incoming.iterdir())


def _waiting(layout: StateLayout) -> set[str]:
    return set(WaitingSegments(layout, Recording()).look(os.listdir(layout.incoming)))


def test_without_a_segment_nothing_is_written_and_nobody_waits(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    segments = made()
    assert not segments.ready
    assert _append(segments) is None
    assert _names(layout) == []


def test_the_order_in_which_a_segment_is_made(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    segments = made(size=(2 << 20) + 4096)
    assert segments.supply()
    assert disk.transcript == [
        ("create named", ".free"),
        ("open to write", ".free"),
        ("write", "header"),  # at offset 0
        ("sync data", ""),
        ("write", "payload"),
        ("sync data", ""),
        ("write", "payload"),
        ("sync data", ""),
        ("rename", "incoming to incoming"),
        ("sync directory", "incoming"),  # before anybody is answered for a record in it
    ]
    (path,) = layout.incoming.iterdir()
    assert path.suffix == ".segment"
    assert path.read_bytes() == bytes((2 << 20) + 4096)
    assert path.stat().st_mode & 0o777 == 0o660 & ~_umask()
    blocks = path.stat().st_blocks * 512
    assert blocks >= 2 << 20  # written, not promised


def test_it_is_made_when_nothing_came_in_for_a_while(layout: StateLayout, made: Callable[..., Segments]) -> None:
    segments = made(quiet=0)
    ready = threading.Event()
    enlist = segments._enlist
    segments._enlist = lambda segment: (enlist(segment), ready.set())  # type: ignore[method-assign,assignment]
    assert _append(segments) is None
    assert ready.wait(10)
    assert _append(segments)


def test_while_something_comes_in_none_is_made(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = made()
    rests: list[float] = []
    done = threading.Event()

    def rest(seconds: float) -> None:
        """Ten times, an instance comes meanwhile."""
        rests.append(seconds)
        if len(rests) <= 10:
            segments.stir()
            assert not [what for what, _ in disk.transcript if what == "write"]

    monkeypatch.setattr("appliance.vault.segments.sleep", rest)
    enlist = segments._enlist
    segments._enlist = lambda segment: (enlist(segment), done.set())  # type: ignore[method-assign,assignment]
    segments.prepare()
    assert done.wait(10)
    assert rests[:11] == [3600] * 11


def test_zeros_wait_for_those_who_come_while_they_are_written(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = made(size=3 << 20)
    rests: list[int] = []
    write_at = disk.write_at

    def write(descriptor: int, data: bytes | memoryview, offset: int) -> None:
        write_at(descriptor, data, offset)
        if offset == 0:
            segments.stir()

    disk.write_at = write  # type: ignore[method-assign]
    monkeypatch.setattr("appliance.vault.segments.sleep", lambda _: rests.append(len(disk.transcript)))
    assert segments.supply()
    assert len(rests) == 1


def test_no_room_no_segment_and_no_zeros(layout: StateLayout, disk: Recording, made: Callable[..., Segments]) -> None:
    asked: list[int] = []
    segments = made(room=lambda size: asked.append(size) is not None)
    assert not segments.supply()
    assert asked == [SIZE]
    assert _append(segments) is None
    assert disk.transcript == []


def test_a_disk_that_gets_full_meanwhile_keeps_nothing_of_it(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    segments = made()
    descriptors = len(os.listdir("/proc/self/fd"))
    disk.fail("write", errno.ENOSPC)
    with pytest.raises(DiskRefused) as caught:
        segments.supply()
    assert caught.value.condition is Condition.FULL
    assert _names(layout) == []
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert _append(segments) is None


def test_who_stores_hears_nothing_of_a_segment_that_could_not_be_made(
    disk: Recording, made: Callable[..., Segments], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = made(quiet=0, pause=7)
    disk.fail("write", errno.ENOSPC)
    paused, go_on = threading.Event(), threading.Event()

    def rest(seconds: float) -> bool:
        paused.set()
        return go_on.wait(10) and False

    monkeypatch.setattr(segments._doubted, "wait", rest)
    assert _append(segments) is None
    assert paused.wait(10)  # and it is not tried again at once
    tried = disk.transcript.count(("create named", ".free"))
    for _ in range(5):
        assert _append(segments) is None
    assert disk.transcript.count(("create named", ".free")) == tried == 1
    segments.close()
    go_on.set()


@pytest.mark.parametrize("operation", ["rename", "sync directory"])
def test_a_segment_whose_name_may_not_last_is_not_used(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments], operation: str
) -> None:
    segments = made()
    disk.fail(operation)
    with pytest.raises(DiskRefused):
        segments.supply()
    assert not segments.ready
    assert _append(segments) is None
    assert ".free" not in _names(layout)


def test_a_used_file_gets_a_new_name_and_what_it_held_is_no_record_of_it(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    first = made()
    assert first.supply()
    old = {_append(first) for _ in range(8)}
    (path,) = layout.incoming.iterdir()
    first.close()
    assert _waiting(layout) == old
    path.rename(path.with_suffix(".free"))
    disk.transcript.clear()
    second = made()
    assert second.supply()
    assert "write" not in [operation for operation, _ in disk.transcript]
    (again,) = layout.incoming.iterdir()
    assert again.name != path.name
    assert _waiting(layout) == set()
    new = {_append(second) for _ in range(3)}
    second.close()
    assert _waiting(layout) == new


def test_a_file_at_which_somebody_was_cut_off_is_written_to_its_end(
    layout: StateLayout, made: Callable[..., Segments]
) -> None:
    layout.free_segment(LONG_AGO).write_bytes(bytes(3 * BLOCK + 100))
    segments = made()
    assert segments.supply()
    (path,) = layout.incoming.iterdir()
    assert path.read_bytes() == bytes(SIZE)


def test_a_file_that_another_worker_has_is_left_to_it(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    path = layout.free_segment(LONG_AGO)
    path.write_bytes(bytes(SIZE))
    descriptor = disk.open_to_write(path)
    assert disk.lock(descriptor)
    segments = made()
    assert segments.supply()
    assert path.exists()
    assert _names(layout) == [".free", ".segment"]
    disk.close(descriptor)


def test_a_file_that_was_taken_between_opening_and_locking_is_left_alone(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    path = layout.free_segment(LONG_AGO)
    path.write_bytes(bytes(SIZE))
    lock = disk.lock

    def taken(descriptor: int) -> bool:
        disk.lock = lock  # type: ignore[method-assign]
        path.rename(layout.segment("33" * 16))
        path.write_bytes(bytes(SIZE))  # and there is another of its name now
        return lock(descriptor)

    disk.lock = taken  # type: ignore[method-assign]
    segments = made()
    assert segments.supply()
    assert layout.segment("33" * 16).exists()
    assert _append(segments)
    assert layout.segment("33" * 16).read_bytes() == bytes(SIZE)
    (ours,) = set(layout.incoming.iterdir()) - {layout.segment("33" * 16)}
    with disk.open(ours) as file:
        assert not lock(file.fileno())  # what is locked and flushed is what is written


def test_the_next_one_is_asked_for_at_once_and_used_when_the_first_is_full(
    layout: StateLayout, made: Callable[..., Segments]
) -> None:
    segments = made()
    prepared: list[int] = []
    segments.prepare = lambda: prepared.append(len(kept))  # type: ignore[method-assign]
    assert segments.supply()
    kept: list[str | None] = []
    for number in range(16):
        if number == 6:
            assert segments.supply()
        kept.append(_append(segments))
    assert all(kept)
    assert sorted(set(prepared)) == [*range(6), *range(8, 16)]  # whenever there was no next one
    assert _append(segments) is None
    assert _waiting(layout) == set(kept)


def test_there_are_not_ever_more_of_them(layout: StateLayout, made: Callable[..., Segments]) -> None:
    """While `forward` is down nobody frees them, and each worker that starts would make new ones."""
    for number in range(limits.SEGMENTS.default):
        layout.segment(f"{number:032x}").write_bytes(b"")
    assert not made().supply()
    assert len(_names(layout)) == limits.SEGMENTS.default


def test_what_was_closed_stays_closed(layout: StateLayout, made: Callable[..., Segments]) -> None:
    segments = made()
    assert segments.supply()
    segments.close()
    assert segments.supply()
    assert not segments.ready
    assert _append(segments) is None


def test_a_segment_that_fails_makes_room_for_the_next(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments]
) -> None:
    segments = made()
    assert segments.supply()
    assert segments._current
    segments._next, segments._current = segments._current, None
    assert segments.supply()
    sync_data, calls = disk.sync_data, []

    def fails_once(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 1:
            raise refused("flush", OSError(errno.EIO, "told to fail"))
        sync_data(descriptor)

    disk.sync_data = fails_once  # type: ignore[method-assign]
    with pytest.raises(DiskRefused):
        _append(segments)
    assert _append(segments)
    assert calls[0] != calls[1]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_segment_whose_file_system_went_or_failed_is_let_go_of(
    layout: StateLayout, disk: Recording, made: Callable[..., Segments], monkeypatch: pytest.MonkeyPatch
) -> None:
    segments = made()
    assert segments.supply() and segments.supply()
    assert _append(segments) and not segments.let_go_of_what_is_lost()
    descriptors = len(os.listdir("/proc/self/fd"))
    elsewhere = layout.root.with_name("elsewhere")
    layout.incoming.rename(elsewhere)
    layout.incoming.mkdir()
    assert segments.let_go_of_what_is_lost()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 2
    assert _append(segments) is None and not segments.let_go_of_what_is_lost()
    layout.incoming.rmdir()
    elsewhere.rename(layout.incoming)
    assert segments.supply() and _append(segments)

    def refuse(directory: Path) -> None:
        raise refused("use the state directory", OSError(errno.EROFS, ""))

    monkeypatch.setattr(disk, "check_alive", refuse)
    assert segments.let_go_of_what_is_lost() and not segments.ready


def test_a_worker_that_nothing_is_sent_to_lets_go_when_it_is_told_to_look(
    layout: StateLayout, made: Callable[..., Segments], tmp_path: Path
) -> None:
    segments = made(quiet=0)
    segments.prepare()
    until = time.monotonic() + 30
    while not segments.ready and time.monotonic() < until:
        time.sleep(0.01)
    assert segments.ready
    segments.doubt()
    layout.incoming.rename(layout.root / "elsewhere")
    segments.doubt()
    while segments.ready and time.monotonic() < until:
        time.sleep(0.01)
    assert not segments.ready
