"""The reaper ends what misses its deadline, and nothing else."""

import math
import socket
import threading
import time

from appliance.scp.deadlines import Reaper


def blocked_receive(sock: socket.socket) -> tuple[threading.Thread, list[bytes]]:
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(sock.recv(1)))
    thread.start()
    return thread, got


def test_a_missed_deadline_ends_a_blocked_receive() -> None:
    ours, theirs = socket.socketpair()
    deadline = Reaper().watch(ours)
    thread, got = blocked_receive(ours)
    deadline.set("the handshake", time.monotonic() + 0.05)
    thread.join(5)
    assert got == [b""] and deadline.expired == "the handshake"
    ours.close()
    theirs.close()


def test_a_deadline_that_moved_on_does_not_end_anything() -> None:
    ours, theirs = socket.socketpair()
    reaper = Reaper()
    deadline = reaper.watch(ours)
    thread, got = blocked_receive(ours)
    deadline.set("soon", time.monotonic() + 0.05)
    deadline.set("never", math.inf)
    other, other_peer = socket.socketpair()
    sentinel = reaper.watch(other)
    blocked, _ = blocked_receive(other)
    sentinel.set("sentinel", time.monotonic() + 0.15)
    blocked.join(5)  # the reaper has looked at both by now
    assert not deadline.expired and thread.is_alive()
    theirs.send(b"x")
    thread.join(5)
    assert got == [b"x"]
    for each in (ours, theirs, other, other_peer):
        each.close()


def test_an_earlier_deadline_wakes_the_sleeping_reaper() -> None:
    reaper = Reaper()
    ours, theirs = socket.socketpair()
    late = reaper.watch(ours)
    late.set("late", time.monotonic() + 60)
    other, other_peer = socket.socketpair()
    early = reaper.watch(other)
    thread, _ = blocked_receive(other)
    early.set("early", time.monotonic() + 0.05)
    thread.join(5)
    assert early.expired == "early" and not late.expired
    for each in (ours, theirs, other, other_peer):
        each.close()


def test_cut_ends_a_blocked_receive_at_once_and_a_closed_deadline_cuts_nothing() -> None:
    ours, theirs = socket.socketpair()
    deadline = Reaper().watch(ours)
    deadline.set("the handshake", time.monotonic() + 60)
    thread, got = blocked_receive(ours)
    deadline.cut()
    thread.join(5)
    assert got == [b""] and deadline.expired == "the handshake (others wait)"
    other, other_peer = socket.socketpair()
    closed = Reaper().watch(other)
    closed.close()
    closed.cut()
    assert other_peer.send(b"x") == 1 and other.recv(1) == b"x"
    for each in (ours, theirs, other, other_peer):
        each.close()


def test_a_closed_deadline_leaves_a_reused_descriptor_alone() -> None:
    reaper = Reaper()
    ours, theirs = socket.socketpair()
    deadline = reaper.watch(ours)
    deadline.set("gone", time.monotonic() + 0.05)
    deadline.close()
    ours.close()
    theirs.close()
    fresh, fresh_peer = socket.socketpair()  # takes the descriptor's number
    sentinel_a, sentinel_b = socket.socketpair()
    sentinel = reaper.watch(sentinel_a)
    thread, _ = blocked_receive(sentinel_a)
    sentinel.set("sentinel", time.monotonic() + 0.1)
    thread.join(5)
    assert fresh_peer.send(b"x") == 1 and fresh.recv(1) == b"x"
    for each in (fresh, fresh_peer, sentinel_a, sentinel_b):
        each.close()
