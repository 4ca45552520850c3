"""A TLS handshake over a socket pair, seen from the server."""

from __future__ import annotations

import socket
import ssl
import threading

from appliance.host import tls


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[str, tls.PeerCertificate | None]:
    """What the server says of the finished connection, or raises what it raised."""
    left, right = socket.socketpair()
    left.settimeout(10)
    right.settimeout(10)
    result: list[object] = []

    def accept() -> None:
        try:
            with server.wrap_socket(left, server_side=True) as connection:
                result.append((tls.describe(connection), tls.peer_certificate(connection)))
                connection.sendall(b".")
                connection.recv(1)  # the client closes first: OpenSSL 3.5 may write while it reads
        except OSError as error:
            result.append(error)
            left.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        with client.wrap_socket(right, server_hostname=name) as connection:
            connection.recv(1)
    except OSError as error:
        right.close()
        thread.join()
        raise (result[0] if isinstance(result[0], BaseException) else error) from None
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]  # type: ignore[return-value]
