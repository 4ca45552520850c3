from __future__ import annotations

import socket
import threading

import pytest

from appliance.delivery.http_deadline import Deadline


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


def test_a_read_ends_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    with pair[0] as near, pair[1]:
        near.settimeout(10)
        deadline = Deadline()
        deadline.watch(near.fileno())
        deadline.set(0.05)
        assert near.recv(1) == b""
        assert deadline.missed
        deadline.end()


def test_a_deadline_that_was_lifted_or_moved_ends_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    with pair[0] as near, pair[1] as far:
        near.settimeout(10)
        deadline = Deadline()
        deadline.watch(near.fileno())
        deadline.set(0.02)
        deadline.lift()
        deadline.set(0.02)
        deadline.set(5)
        timer = threading.Timer(0.1, far.send, (b"x",))
        timer.start()
        assert near.recv(1) == b"x"
        timer.join()
        assert not deadline.missed
        deadline.end()


def test_the_second_connection_is_watched_in_the_place_of_the_first() -> None:
    (first, other), (second, another) = socket.socketpair(), socket.socketpair()
    with first, other, second, another:
        deadline = Deadline()
        deadline.watch(first.fileno())
        deadline.watch(second.fileno())
        deadline.set(0.02)
        second.settimeout(10)
        assert second.recv(1) == b""
        other.send(b"x")
        assert first.recv(1) == b"x"
        deadline.end()


def test_it_ends_with_nothing_set_and_nothing_watched() -> None:
    deadline = Deadline()
    deadline.end()
    deadline = Deadline()
    deadline.set(100)
    deadline.end()
