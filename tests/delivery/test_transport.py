"""The connection to a destination, at its deadlines and at its ends: real sockets, real TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import UpstreamError
from appliance.config.values import HostPort
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.transport import CertificateRefused, Transport, certificate_advice, connect, reach, tls_words
from appliance.host.tls import client_context
from tests.delivery.relay import Relay
from tests.delivery.upstream import Authority, free_port, until

SHORT = Deadlines(connect=5, handshake=5)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def ends(listener: socket.socket) -> Iterator[tuple[Transport, socket.socket]]:
    """Ours, and the other side's."""
    transport = connect(HostPort("127.0.0.1", listener.getsockname()[1]), None, None, SHORT)
    far, _ = listener.accept()
    with far:
        yield transport, far
    transport.close()


def test_what_cannot_be_reached_is_said_with_what_to_do() -> None:
    with pytest.raises(UpstreamError, match="Connection refused") as refused:
        reach(HostPort("127.0.0.1", free_port()), 5)
    assert refused.value.fix == "Check the address and the network."
    with pytest.raises(UpstreamError, match="does not resolve") as unknown:
        reach(HostPort("nobody.invalid", 104), 5)
    assert unknown.value.fix == "Check the name and the DNS."


def test_bytes_come_until_the_deadline_and_the_end_is_none(ends: tuple[Transport, socket.socket]) -> None:
    transport, far = ends
    buffer = memoryview(bytearray(100))
    assert not transport.readable()
    far.sendall(b"answer")
    until(transport.readable)
    assert transport.receive_into(buffer, time.monotonic() + 5) == 6
    assert bytes(buffer[:6]) == b"answer"
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        transport.receive_into(buffer, began + 0.2)
    assert time.monotonic() >= began + 0.2
    with pytest.raises(TimeoutError):  # a deadline that has passed does not wait for ever
        transport.receive_into(buffer, began)
    far.shutdown(socket.SHUT_WR)
    until(transport.readable)
    assert transport.receive_into(buffer, time.monotonic() + 5) == 0


def test_a_short_deadline_does_not_shorten_the_next(ends: tuple[Transport, socket.socket]) -> None:
    transport, far = ends
    buffer = memoryview(bytearray(10))
    with pytest.raises(TimeoutError):
        transport.receive_into(buffer, time.monotonic() + 0.05)
    threading.Timer(0.3, far.sendall, (b"late",)).start()
    assert transport.receive_into(buffer, time.monotonic() + 20) == 4


def test_a_peer_that_takes_nothing_ends_the_send(ends: tuple[Transport, socket.socket]) -> None:
    transport, _ = ends
    with pytest.raises(TimeoutError):
        transport.send(bytes(64 << 20), 0.2)


def test_who_waits_hears_of_a_cut(ends: tuple[Transport, socket.socket]) -> None:
    transport, _ = ends
    heard: list[int] = []
    waiting = threading.Thread(
        target=lambda: heard.append(transport.receive_into(memoryview(bytearray(10)), time.monotonic() + 30))
    )
    waiting.start()
    transport.cut()
    waiting.join(10)
    assert heard == [0]
    transport.cut()


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ("expired", "It ended"),
        ("another name", "set server_name"),
        ("another ca", "into ca of the destination"),
    ],
)
def test_a_certificate_that_is_refused_says_what_to_do(tmp_path: Path, fault: str, advice: str) -> None:
    authority, other = Authority(tmp_path / "pki"), Authority(tmp_path / "other", "other")
    host = "elsewhere.example" if fault == "another name" else "localhost"
    pair = authority.issue("pacs", host=host, expired=fault == "expired")
    trusted = (other if fault == "another ca" else authority).certificate
    with (
        Relay(free_port(), pair=pair) as server,
        pytest.raises(CertificateRefused, match="is refused") as caught,
    ):
        connect(HostPort("localhost", server.port), lambda: client_context(trusted), None, SHORT)
    assert advice in caught.value.fix
    assert "`appliance echo`" in caught.value.fix


def test_a_reason_that_no_table_has_is_advised_about_all_the_same() -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_code = 9999
    assert certificate_advice(error) == "Check ca and server_name of the destination, and the clock."


def test_the_words_hold_nothing_of_the_peer() -> None:
    error = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)")
    error.reason = "TLSV1_ALERT_UNKNOWN_CA"
    assert tls_words(error) == "tlsv1 alert unknown ca"
    assert tls_words(ConnectionResetError(104, "Connection reset by peer")) == "Connection reset by peer"
    assert tls_words(TimeoutError()) == "TimeoutError"
