"""Those who say nothing, half of something, or something else than DICOM: cut off in time, with one log line."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from appliance.cli.demo.site import Site, build
from appliance.host import tls
from appliance.scp.connection import Connection
from appliance.scp.deadlines import Reaper
from appliance.scp.origin import Origin
from appliance.scp.transport import Transport
from tests.scp.malformed import Refusals, request
from tests.scp.scene import Scene
from tests.upper_layer import wire

# Those who say nothing, or hardly anything


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("malformed") / "site"
    root.mkdir()
    return build(root, classical=True, port=1, upstream_port=1)


@contextmanager
def tls_connection(scp: Scene, site: Site) -> Iterator[socket.socket]:
    """A connection to a TLS listener, of which the client's side is raw."""
    context = tls.server_context(site.root / "tls/appliance.crt", site.root / "tls/appliance.key", site.ct.ca)
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    transport = Transport(accepted, context)
    origin = Origin(1, scp.config.peer[0].addresses[0].network_address, 50000)
    connection = Connection(transport, origin, Reaper().watch(transport.socket), scp.service())
    thread = threading.Thread(target=connection.run)
    thread.start()
    client.settimeout(10)
    try:
        yield client
    finally:
        client.close()
        thread.join(10)
        assert not thread.is_alive()


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="edge01").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


@pytest.mark.parametrize("said", [b"", client_hello()[:7], client_hello()[:-1]])
def test_a_tls_client_that_stops_in_its_hello_is_cut_off(
    impatient_at_first: Scene, site: Site, refusals: Refusals, said: bytes
) -> None:
    with tls_connection(impatient_at_first, site) as client:
        client.sendall(said)
        began = time.monotonic()
        assert client.recv(100) == b""
        assert time.monotonic() - began < 5
    (line,) = refusals()
    assert "HANDSHAKE-FAILED" in line and "the TLS handshake took too long" in line


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", "http request"),
        (request(b"EDGE01", b"CT1"), "TLS"),
        (b"\x16\x03\x01\xff\xff" + b"\xff" * 70, ""),
        (b"\x1f\x8b\x08" + bytes(100), ""),
    ],
)
def test_what_is_no_tls_is_a_failed_handshake(
    scp: Scene, site: Site, refusals: Refusals, said: bytes, why: str
) -> None:
    with tls_connection(scp, site) as client:
        client.sendall(said)
        try:
            while client.recv(100):
                pass
        except ConnectionResetError:
            pass  # it left what we said unread
    (line,) = refusals()
    assert "HANDSHAKE-FAILED" in line and why in line


@pytest.mark.parametrize("said", [b"", b"\x01", request(b"EDGE01", b"CT1")[:-1]])
def test_a_client_that_stops_before_its_request_ends_is_cut_off(
    impatient_at_first: Scene, refusals: Refusals, said: bytes
) -> None:
    with impatient_at_first.connect() as stranger:
        stranger.socket.sendall(said)
        began = time.monotonic()
        assert stranger.socket.recv(100) == b""
        assert time.monotonic() - began < 5
    (line,) = refusals()
    assert "ARTIM" in line


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\n\r\n", client_hello(), b"SSH-2.0-x\r\n", b"\x04" + bytes(40), b"\x06\0\0\0\0\4" + bytes(4)],
)
def test_what_is_no_a_associate_rq_is_aborted(scp: Scene, refusals: Refusals, said: bytes) -> None:
    with scp.connect() as stranger:
        stranger.socket.sendall(said)
        assert stranger.socket.recv(100) == wire.abort(0, 0)
    assert len(refusals()) == 1
