"""Places are counted over threads and processes, and come back whatever becomes of who had them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from appliance.scp.places import Places, Taken


def in_a_worker(act: Callable[[], bool]) -> bool:
    """What `act` answers in a process of its own, which then ends without giving anything back."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if act() else 1)
    return os.waitpid(pid, 0)[1] == 0


def test_a_peer_has_as_many_as_its_limit_and_others_are_not_touched() -> None:
    places = Places()
    taken = [places.take("CT", 2) for _ in range(3)]
    assert [bool(each) for each in taken] == [True, True, False]
    assert places.take("MR", 1)
    assert taken[0]
    places.leave(taken[0])
    assert places.take("CT", 2) and not places.take("CT", 2)


def test_workers_count_together() -> None:
    places = Places()
    assert places.take("CT", 2)
    assert in_a_worker(lambda: places.take("CT", 2) is not None and places.take("CT", 2) is None)


def test_the_places_of_a_dead_worker_are_free() -> None:
    places = Places()
    assert in_a_worker(lambda: all(places.take("CT", 3) for _ in range(3)))
    assert all(places.take("CT", 3) for _ in range(3)) and not places.take("CT", 3)


def test_a_worker_that_lives_keeps_its_places() -> None:
    places = Places()
    (ready, tell), (end, release) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(release)
        os.write(tell, b"1" if places.take("CT", 1) else b"0")
        os.read(end, 1)
        os._exit(0)
    assert os.read(ready, 1) == b"1"
    assert places.take("CT", 1) is None
    os.close(release)
    os.waitpid(pid, 0)
    assert places.take("CT", 1)


def test_threads_never_get_one_place_twice() -> None:
    places = Places()
    taken: list[Taken] = []

    def take() -> None:
        for _ in range(20):
            if found := places.take("CT", 50):
                taken.append(found)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 50 and len(set(taken)) == 50


def test_a_limit_that_is_lowered_holds_for_who_comes() -> None:
    places = Places()
    assert places.take("CT", 3) and places.take("CT", 3)
    assert places.take("CT", 1) is None and places.take("CT", 2) is None and places.take("CT", 3)
