from __future__ import annotations

import threading

import pytest

from appliance.base.errors import UpstreamError
from appliance.delivery.sessions import Crowded, Sessions


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


def test_they_are_opened_one_after_another(sessions: Sessions) -> None:
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
