"""Serves metrics over HTTP: one caller after the other, in a thread of its own, each with a deadline.

Knows one path. Reads no body, keeps no connection open, shows nothing that a caller sent.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable

from appliance.base import catalogue, limits
from appliance.base.errors import ConfigError
from appliance.config.values import HostPort
from appliance.host.log import log

Exposition = Callable[[str], tuple[bytes, str]]
"""From the Accept header to the text and its Content-Type."""


class Scrape:
    """A listener and its thread."""

    def __init__(self, listener: socket.socket, exposition: Exposition) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._exposition = exposition
        self._stopping = False
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the caller that is being served still is.

        The listener is closed, not shut down: where it is systemd's, the next panel goes on with it.
        """
        self._stopping = True
        self._stop.close()
        self._thread.join(limits.SCRAPE.default + 1)
        self._stopped.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping:
            select.select((self._listener, self._stopped), (), ())
            if self._stopping:
                return
            try:
                caller, _ = self._listener.accept()
            except BlockingIOError:
                continue  # the caller is gone again
            except OSError:
                time.sleep(0.1)  # no descriptor is free: others will be
                continue
            with caller, contextlib.suppress(OSError):
                self._serve(caller, time.monotonic() + limits.SCRAPE.default)

    def _serve(self, caller: socket.socket, deadline: float) -> None:
        head = _head(caller, deadline)
        request, _, rest = head.partition(b"\r\n")
        method, _, target = request.partition(b" ")
        path = target.partition(b" ")[0].partition(b"?")[0]
        status, body, kind = b"200 OK", b"", "text/plain; charset=utf-8"
        if not head:
            status, body = b"400 Bad Request", b"no request was understood\n"
        elif method not in (b"GET", b"HEAD"):
            status, body = b"405 Method Not Allowed", b"GET is meant\n"
        elif path != b"/metrics":
            status, body = b"404 Not Found", b"metrics are at /metrics\n"
        else:
            try:
                body, kind = self._exposition(_accept(rest))
            except Exception as error:  # noqa: BLE001, the next scrape is to be served
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="the metrics")
                status, body = b"500 Internal Server Error", b"see the log\n"
        answer = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (
            status,
            kind.encode(),
            len(body),
        )
        caller.settimeout(max(0.01, deadline - time.monotonic()))
        caller.sendall(answer if method == b"HEAD" else answer + body)


def _head(caller: socket.socket, deadline: float) -> bytes:
    """The request line and the headers; empty where they do not come whole, in time."""
    head = b""
    while b"\r\n\r\n" not in head:
        left = deadline - time.monotonic()
        if left <= 0 or len(head) > limits.SCRAPE_REQUEST.default:
            return b""
        caller.settimeout(left)
        piece = caller.recv(4096)
        if not piece:
            return b""
        head += piece
    return head


def _accept(headers: bytes) -> str:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"accept":
            return value.decode("ascii", "replace").strip()
    return ""


def listen(address: HostPort) -> socket.socket:
    """A listener of our own. Raises `ConfigError`."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=16)
    except OSError as error:
        raise ConfigError(
            f"metrics cannot be served at {address}: {error.strerror}",
            fix="Is another program on this port (ss -ltnp), and is the address one of this box?",
        ) from None
