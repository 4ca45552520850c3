"""A second thread that does one piece of work after another."""

from __future__ import annotations

import threading

import pytest

from appliance.seal.sealing import AHEAD
from appliance.vault.lane import Lane


def test_work_is_done_in_order_and_beside_the_caller() -> None:
    lane, done, threads = Lane(), [], set()

    def work(number: int) -> None:
        done.append(number)
        threads.add(threading.get_ident())

    for number in range(1000):
        lane.run(lambda number=number: work(number))  # type: ignore[misc]
    lane.wait()
    lane.close()
    assert done == list(range(1000))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_no_more_than_ahead_is_given_and_not_done() -> None:
    lane, go, given = Lane(), threading.Event(), threading.Semaphore(0)

    def give() -> None:
        for _ in range(AHEAD + 1):
            lane.run(go.wait)  # type: ignore[arg-type]
            given.release()

    giver = threading.Thread(target=give)
    giver.start()
    for _ in range(AHEAD):
        assert given.acquire(timeout=5)
    assert not given.acquire(timeout=0.05), "one more was taken while none was done"
    go.set()
    assert given.acquire(timeout=5)
    giver.join()
    lane.close()


def _fail() -> None:
    raise OSError(28, "No space left on device")


def test_a_failure_is_raised_once_and_what_follows_it_is_not_done() -> None:
    lane, done = Lane(), []
    lane.run(_fail)
    with pytest.raises(OSError, match="No space"):
        for _ in range(AHEAD + 2):
            lane.run(lambda: done.append("after"))
    lane.wait()
    lane.run(lambda: done.append("anew"))
    lane.wait()
    lane.close()
    assert done == ["anew"]


def test_a_failure_nobody_asked_for_is_forgotten() -> None:
    lane, done = Lane(), []
    lane.run(_fail)
    lane.forget()
    lane.run(lambda: done.append(1))
    lane.wait()
    lane.close()
    assert done == [1]


def test_a_lane_without_work_has_no_thread() -> None:
    before = threading.active_count()
    lane = Lane()
    lane.wait()
    lane.forget()
    assert threading.active_count() == before
