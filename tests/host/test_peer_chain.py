"""The certificates that a server shows, whether they are any good or not."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.host import tls
from appliance.host.peer_chain import chain_of, look, peer_chain
from tests.delivery.upstream import Authority, Pair, free_port


@contextmanager
def server(pair: Pair) -> Iterator[tuple[int, list[bytes]]]:
    """Takes connections one by one and reads what comes; asks for no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                with raw:
                    raw.settimeout(30)
                    try:
                        with context.wrap_socket(raw, server_side=True) as connection:
                            heard.append(connection.recv(100))
                    except (BrokenPipeError, ConnectionResetError):  # it was gone before our session ticket
                        heard.append(b"")
                    except OSError as error:
                        heard.append(repr(error).encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_what_is_refused_is_looked_at_and_nothing_is_sent(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with server(authority.issue("pacs", host="pacs.example", expired=True)) as (port, heard):
        chain = look("127.0.0.1", port, "localhost", 5)
    assert chain[0].names == ("pacs.example",)
    assert heard == [b""]


def test_of_a_connection_that_stands_the_same_is_said(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with server(authority.issue("pacs")) as (port, _), socket.create_connection(("127.0.0.1", port)) as raw:
        context = tls.client_context(authority.certificate)
        with context.wrap_socket(raw, server_hostname="localhost") as connection:
            chain = peer_chain(connection)
            assert chain_of(connection) == chain
    assert "localhost" in chain[0].names
    assert "Test ca" in chain[0].issuer


def test_where_nobody_shows_one_there_is_none(tmp_path: Path) -> None:
    assert look("127.0.0.1", free_port(), "localhost", 1) == ()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert look("127.0.0.1", silent.getsockname()[1], "localhost", 0.3) == ()
