"""Metrics over HTTP: one path, one deadline, and callers that misbehave."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

import pytest

from appliance.base import limits
from appliance.base.errors import ConfigError
from appliance.base.limits import Limit
from appliance.config.values import HostPort
from appliance.panel import scrape
from appliance.panel.scrape import Scrape, listen


class Server:
    def __init__(self) -> None:
        listener = listen(HostPort("127.0.0.1", _free()))
        self.port = listener.getsockname()[1]
        self.accepted: list[str] = []
        self.broken = False
        self.scrape = Scrape(listener, self._exposition)
        self.scrape.start()

    def _exposition(self, accept: str) -> tuple[bytes, str]:
        self.accepted.append(accept)
        if self.broken:
            raise ValueError("Quillfeather")
        return b"up 1\n", "text/plain; version=0.0.4"

    def ask(self, method: str = "GET", path: str = "/metrics", **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = (answer.status, answer.headers["Content-Type"], answer.read())
        connection.close()
        return found

    def raw(self, data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 5) as caller:
            caller.sendall(data)
            with contextlib.suppress(OSError):  # it may have hung up already
                caller.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: caller.recv(4096), b""))


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.scrape.stop()


def test_metrics_are_at_one_path(server: Server) -> None:
    assert server.ask(Accept="text/plain") == (200, "text/plain; version=0.0.4", b"up 1\n")
    assert server.ask(path="/metrics?x=1")[0] == 200
    assert server.ask(method="HEAD") == (200, "text/plain; version=0.0.4", b"")
    assert server.ask(path="/")[0] == 404
    assert server.ask(path="/metrics/../etc")[0] == 404
    assert server.ask(method="POST")[0] == 405
    assert server.accepted[0] == "text/plain"


@pytest.mark.parametrize(
    "junk", [b"", b"\r\n\r\n", b"GET /metrics HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"x" * 20000]
)
def test_what_is_no_request_is_told_so_and_the_next_is_served(server: Server, junk: bytes) -> None:
    try:
        assert server.raw(junk)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 405")
    except ConnectionResetError:  # it hung up with a part of it unread
        pass
    assert server.ask()[0] == 200


def test_what_a_caller_sent_is_not_shown(server: Server) -> None:
    assert b"<script>" not in server.raw(b"GET /<script> HTTP/1.1\r\n\r\n")


def test_a_dawdler_is_dropped_at_its_deadline(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape.limits, "SCRAPE", Limit("scrape", "s", 1, 1, 1, "for this test"))
    with socket.create_connection(("127.0.0.1", server.port), 5) as slow:
        slow.sendall(b"GET /met")
        began = time.monotonic()
        assert server.ask()[0] == 200  # behind it
        assert time.monotonic() - began < 3


def test_an_error_of_ours_is_no_end(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.broken = True
    assert server.ask()[0] == 500
    server.broken = False
    assert server.ask()[0] == 200
    said = capsys.readouterr().err
    assert "INTERNAL-ERROR: unforeseen ValueError in the metrics" in said and "Quillfeather" not in said


def test_a_port_that_is_taken_is_said(server: Server) -> None:
    with pytest.raises(
        ConfigError, match=rf"metrics cannot be served at 127.0.0.1:{server.port}: Address already in use"
    ):
        listen(HostPort("127.0.0.1", server.port))
    assert limits.SCRAPE.default


def test_a_listener_of_systemds_goes_on_when_the_panel_ends() -> None:
    # systemd keeps its descriptor of the same socket, and hands it to the next panel.
    listener = listen(HostPort("127.0.0.1", _free()))
    with listener.dup() as systemds:
        first = Scrape(listener, lambda _: (b"", ""))
        first.start()
        first.stop()
        with socket.create_connection(systemds.getsockname(), 5):
            systemds.setblocking(True)
            systemds.accept()[0].close()
