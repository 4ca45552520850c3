"""A small web service for these tests, over TLS or not, that answers what a test wants, or misbehaves."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.delivery.upstream import Authority, Pair


@dataclass
class Request:
    """A request that came. `body` is whole, or as much of it as came before the connection ended."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    certificate: dict[str, Any] | None
    connection: socket.socket

    def instance(self) -> bytes:
        """The one part of a multipart/related body."""
        boundary = self.headers["content-type"].partition("boundary=")[2].encode()
        part = self.body.removeprefix(b"--" + boundary).removesuffix(b"\r\n--" + boundary + b"--\r\n")
        return part.partition(b"\r\n\r\n")[2]


@dataclass
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Behaviour = Callable[[Request], Reply | None]
"""None: the behaviour did it all by itself, and the connection is closed."""


class HttpPeer:
    """The service, from `with` to its end. `requests` has what came."""

    def __init__(self, behaviour: Behaviour, pair: Pair | None = None, clients: Authority | None = None) -> None:
        peer = self
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.connections = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def setup(self) -> None:
                peer.connections += 1
                super().setup()

            def answer(self) -> None:
                expected = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(expected)
                shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, body, shown, self.connection)
                peer.requests.append(request)
                reply = peer.behaviour(request) if len(body) == expected else None
                if reply is None:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # a client that goes away, or does not like the certificate

            def finish_request(self, request: Any, client_address: Any) -> None:
                if pair:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(pair.certificate, pair.key)
                    if clients:
                        context.verify_mode = ssl.CERT_REQUIRED
                        context.load_verify_locations(clients.certificate)
                    request = context.wrap_socket(request, server_side=True)
                try:
                    super().finish_request(request, client_address)
                finally:
                    request.close()

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if pair else 'http'}://localhost:{self.port}/dicom-web"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> HttpPeer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def reference(uid: str, **reason: int) -> dict[str, Any]:
    """An item of a sequence: `failure` or `warning` is its reason."""
    tags = {"failure": "00081197", "warning": "00081196"}
    reasons = {tags[name]: {"vr": "US", "Value": [value]} for name, value in reason.items()}
    return {"00081155": {"vr": "UI", "Value": [uid]}, **reasons}


def said(status: int, *, stored: tuple[Any, ...] = (), failed: tuple[Any, ...] = (), **headers: str) -> Reply:
    """An answer in DICOM JSON about these instances."""
    document = {"00081199": {"vr": "SQ", "Value": [*stored]}, "00081198": {"vr": "SQ", "Value": [*failed]}}
    body = json.dumps({tag: sequence for tag, sequence in document.items() if sequence["Value"]}).encode()
    return Reply(status, body, {"Content-Type": "application/dicom+json", **headers})
