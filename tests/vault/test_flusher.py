from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Queue

import pytest

from appliance.vault.flusher import Flusher
from appliance.vault.refusals import Condition, DiskRefused


class Disk:
    """A directory flush that waits for the test: `began` tells of each flush, `end` lets it finish or fail."""

    def __init__(self) -> None:
        self.began: Queue[int] = Queue()
        self.end: Queue[DiskRefused | None] = Queue()
        self.flushes = 0
        self.names: set[int] = set()
        self.durable: set[int] = set()

    def sync(self) -> None:
        self.flushes += 1
        seen = set(self.names)  # a flush covers what was there when it began
        self.began.put(self.flushes)
        refusal = self.end.get(timeout=5)
        if refusal:
            raise refusal
        self.durable |= seen


class Committer(threading.Thread):
    """A thread that gives its file a name and flushes."""

    def __init__(self, disk: Disk, flusher: Flusher, name: int, entered: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.disk, self.flusher, self.number, self.entered = disk, flusher, name, entered
        self.refusal: DiskRefused | None = None
        self.durable_on_return = False

    def run(self) -> None:
        self.disk.names.add(self.number)
        self.entered()
        try:
            self.flusher.flush()
            self.durable_on_return = self.number in self.disk.durable
        except DiskRefused as refusal:
            self.refusal = refusal


def _waiting(flusher: Flusher, count: int) -> None:
    """Return when `count` threads wait in the flusher. Looks at its condition: no sleep, and no guess."""
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        with flusher._changed:
            if len(flusher._changed._waiters) == count:  # type: ignore[attr-defined]
                return
    pytest.fail("the threads did not come to wait")


@pytest.fixture
def disk() -> Disk:
    return Disk()


def _start(disk: Disk, flusher: Flusher, numbers: range) -> list[Committer]:
    threads = [Committer(disk, flusher, number, lambda: None) for number in numbers]
    for thread in threads:
        thread.start()
    return threads


def test_who_comes_during_a_flush_shares_the_next(disk: Disk) -> None:
    flusher = Flusher(disk.sync)
    first = _start(disk, flusher, range(1))
    assert disk.began.get(timeout=5) == 1
    others = _start(disk, flusher, range(1, 9))
    _waiting(flusher, 8)
    disk.end.put(None)
    assert disk.began.get(timeout=5) == 2
    assert not any(thread.durable_on_return for thread in others)
    disk.end.put(None)
    for thread in first + others:
        thread.join(5)
        assert thread.durable_on_return
    assert disk.flushes == 2


def test_a_failure_reaches_exactly_those_whom_it_concerns(disk: Disk) -> None:
    flusher = Flusher(disk.sync)
    first = _start(disk, flusher, range(1))
    disk.began.get(timeout=5)
    second = _start(disk, flusher, range(1, 5))
    _waiting(flusher, 4)
    disk.end.put(None)
    disk.began.get(timeout=5)
    third = _start(disk, flusher, range(5, 8))
    _waiting(flusher, 3 + 3)  # three of the second batch follow its leader
    disk.end.put(DiskRefused("cannot flush", Condition.BROKEN))
    disk.began.get(timeout=5)
    disk.end.put(None)
    for thread in first + second + third:
        thread.join(5)
    assert all(thread.durable_on_return for thread in first + third)
    refusals = [thread.refusal for thread in second]
    assert all(refusal is not None and refusal.condition is Condition.BROKEN for refusal in refusals)
    assert len({id(refusal) for refusal in refusals}) == len(second)


def test_a_flush_that_ends_in_something_else_strands_nobody() -> None:
    class Interrupted(BaseException):
        pass

    ends: list[BaseException | None] = [Interrupted(), None]

    def sync() -> None:
        end = ends.pop(0)
        if end:
            raise end

    flusher = Flusher(sync)
    with pytest.raises(Interrupted):
        flusher.flush()
    flusher.flush()
    assert ends == []


def test_under_load_each_return_means_durable() -> None:
    """Eight threads, many rounds, a flush that takes its time: nobody returns before a flush that saw their name."""
    names: set[tuple[int, int]] = set()
    durable: set[tuple[int, int]] = set()
    early: list[tuple[int, int]] = []
    flushes = 0

    def sync() -> None:
        nonlocal flushes
        flushes += 1
        seen = set(names)
        for _ in range(200):
            pass
        durable.update(seen)

    flusher = Flusher(sync)

    def commit(worker: int) -> None:
        for round_ in range(200):
            names.add((worker, round_))
            flusher.flush()
            if (worker, round_) not in durable:
                early.append((worker, round_))

    threads = [threading.Thread(target=commit, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert early == []
    assert durable == names
    assert flushes <= 1600
