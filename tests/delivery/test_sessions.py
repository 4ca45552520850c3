from __future__ import annotations

import threading

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.sessions import Crowded, Sessions
from tests.delivery.upstream import until


@pytest.fixture
def sessions() -> Sessions:
    return Sessions("pacs", threading.Condition())


def fail(sessions: Sessions) -> None:
    with sessions.opening():
        raise UpstreamError("rejected for now")


def test_a_first_session_that_fails_is_a_failure(sessions: Sessions) -> None:
    with pytest.raises(UpstreamError) as caught:
        fail(sessions)
    assert not isinstance(caught.value, Crowded)
    assert sessions.may_open()


def test_a_further_one_that_fails_tells_how_many_there_may_be(sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.opening():
            pass
    with pytest.raises(Crowded):
        fail(sessions)
    assert not sessions.may_open()
    sessions.closed()
    assert sessions.may_open()
    with sessions.opening():
        assert not sessions.may_open()  # the one that is under way counts


def test_who_waited_while_another_failed_does_not_try_a_dead_destination_too(sessions: Sessions) -> None:
    inside, leave = threading.Event(), threading.Event()
    caught: list[BaseException] = []

    def first() -> None:
        try:
            with sessions.opening():
                inside.set()
                leave.wait(5)
                raise UpstreamError("nobody listens")
        except UpstreamError as error:
            caught.append(error)

    def second() -> None:
        inside.wait(5)
        try:
            with sessions.opening():
                caught.append(AssertionError("it tried"))
        except UpstreamError as error:
            caught.append(error)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    inside.wait(5)
    while sessions.wanted < 2:
        pass
    leave.set()
    for thread in threads:
        thread.join(5)
    assert [type(each) for each in caught] == [UpstreamError, Crowded]
    assert sessions.may_open() and sessions.wanted == 0


def test_with_two_open_two_more_are_opened_at_a_time(sessions: Sessions) -> None:
    for _ in range(2):
        with sessions.opening():
            pass
    meet = threading.Barrier(2)

    def further() -> None:
        with sessions.opening():
            meet.wait(5)

    threads = [threading.Thread(target=further) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not meet.broken and sessions.wanted == 0


def test_the_first_are_opened_one_after_another(sessions: Sessions) -> None:
    inside = threading.Event()
    leave = threading.Event()
    order: list[str] = []

    def first() -> None:
        with sessions.opening():
            inside.set()
            leave.wait(5)
            order.append("first")

    def second() -> None:
        inside.wait(5)
        leave.set()
        with sessions.opening():
            order.append("second")

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert order == ["first", "second"]
    assert sessions.wanted == 0


def test_one_that_opens_after_another_was_refused_counts(sessions: Sessions) -> None:
    with sessions.opening():
        pass
    with sessions.opening(), pytest.raises(Crowded):
        fail(sessions)
    assert sessions.open == 2 and not sessions.may_open()
    sessions.closed()
    assert sessions.may_open(), "two are known to work"


def test_who_waited_while_a_full_destination_refused_others_does_not_try_it_too(sessions: Sessions) -> None:
    with sessions.opening():
        pass
    meet = threading.Barrier(3)
    tried: list[str] = []
    caught: list[BaseException] = []

    def refused() -> None:
        try:
            with sessions.opening():
                tried.append("")
                meet.wait(5)
                raise UpstreamError("rejected for now")
        except UpstreamError as error:
            caught.append(error)

    def late() -> None:
        try:
            with sessions.opening():
                tried.append("late")
        except UpstreamError as error:
            caught.append(error)

    first = [threading.Thread(target=refused) for _ in range(2)]
    for thread in first:
        thread.start()
    until(lambda: len(tried) == 2)
    last = threading.Thread(target=late)
    last.start()
    until(lambda: sessions.wanted == 3)
    meet.wait(5)
    for thread in (*first, last):
        thread.join(5)
    assert tried == ["", ""]
    assert [type(each) for each in caught] == [Crowded] * 3
    assert (sessions.open, sessions.wanted) == (1, 0)
