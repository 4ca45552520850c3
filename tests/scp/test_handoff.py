"""Descriptors and reports cross the pair; ends are seen."""

import socket

import pytest

from appliance.scp import handoff


def test_a_connection_is_handed_over_with_its_descriptor() -> None:
    acceptor, worker = handoff.pair()
    left, right = socket.socketpair()
    with acceptor, worker, left:
        handoff.pass_connection(acceptor, handoff.Connected(7, "192.0.2.1", 4000, True), right)
        right.close()
        taken = handoff.next_connection(worker)
        assert taken is not None
        assert isinstance(taken, tuple)
        connected, connection = taken
        with connection:
            connection.send(b"x")
            assert (connected.number, connected.address, connected.tls) == (7, "192.0.2.1", True)
            assert left.recv(1) == b"x"


def test_a_displaced_connection_is_named() -> None:
    acceptor, worker = handoff.pair()
    with acceptor, worker:
        handoff.displace(acceptor, handoff.Displaced(7))
        assert handoff.next_connection(worker) == handoff.Displaced(7)
        handoff.doubt(acceptor)
        assert handoff.next_connection(worker) == handoff.Doubted()


def test_a_connection_that_found_no_free_descriptor_is_reported_as_closed() -> None:
    acceptor, worker = handoff.pair()
    with acceptor, worker:
        acceptor.send(b'{"number": 7, "address": "192.0.2.1", "port": 4000, "tls": true}')  # the kernel dropped it
        handoff.displace(acceptor, handoff.Displaced(8))
        assert handoff.next_connection(worker) == handoff.Displaced(8)
        assert handoff.next_report(acceptor) == handoff.Became(7, "closed")


def test_reports_come_back_and_silence_does_not_block() -> None:
    acceptor, worker = handoff.pair()
    with acceptor:
        with pytest.raises(BlockingIOError):
            handoff.next_report(acceptor)
        handoff.report(worker, handoff.Became(7, "closed"))
        worker.close()
        assert handoff.next_report(acceptor) == handoff.Became(7, "closed")
        assert handoff.next_report(acceptor) is None


def test_retiring_is_seen_by_the_worker_which_may_still_report() -> None:
    acceptor, worker = handoff.pair()
    with acceptor, worker:
        acceptor.shutdown(socket.SHUT_WR)
        assert handoff.next_connection(worker) is None
        handoff.report(worker, handoff.Became(1, "closed"))
        assert handoff.next_report(acceptor) == handoff.Became(1, "closed")


def test_what_a_worker_has_not_come_to_is_seen() -> None:
    acceptor, worker = handoff.pair()
    with acceptor, worker:
        assert not handoff.untaken(acceptor)
        handoff.displace(acceptor, handoff.Displaced(7))
        assert handoff.untaken(acceptor)
        assert handoff.next_connection(worker) == handoff.Displaced(7)
        assert not handoff.untaken(acceptor)
