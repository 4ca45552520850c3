"""Requests to one web service over at most one connection: HTTP/1.1, with TLS as everywhere here, on httpx.

Owns the connection, its deadlines and the words for what goes wrong with it; the answers are for others to judge. It
shows nothing that the service said, and follows no redirect. httpx would log URLs, and these hold UIDs: it is silenced.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from appliance.base import limits
from appliance.base.errors import UpstreamError
from appliance.base.text import wash
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.http_answer import Answer
from appliance.delivery.http_deadline import Deadline
from appliance.delivery.transport import certificate_advice, tls_words

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

_PIECE = 65536
_SLOW = "Look at the load of the service and at the network."


class HttpConnection:
    """Used by one thread."""

    def __init__(
        self,
        url: str,
        context: Callable[[], ssl.SSLContext] | None,
        server_name: str | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """`url` is below which all requests go. With TLS, the certificate must name `server_name`, or else its host."""
        self._deadlines = deadlines or Deadlines()
        self._deadline = Deadline()
        parts = urlsplit(url)
        self._host = wash(parts.netloc, 120)
        self._extensions: dict[str, Any] = {"trace": self._trace}
        if server_name:
            self._extensions["sni_hostname"] = server_name
        waits = self._deadlines
        self._client = httpx.Client(
            verify=context() if context else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # which trusts nobody
            trust_env=False,
            http2=False,
            timeout=httpx.Timeout(waits.response, connect=waits.connect, write=waits.write),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=limits.DELIVERY_LINGER.default),
            headers={"User-Agent": "pacs-appliance", "Accept-Encoding": "identity"},
        )

    def request(
        self, method: str, url: str, headers: Mapping[str, str], body: Iterable[bytes | memoryview] | bytes = b""
    ) -> Answer:
        """Send one request and read its answer whole. Raises UpstreamError; what `body` raises passes through, and the
        request ends where it stood."""
        content = body if isinstance(body, bytes) else self._counted(body)
        self._deadline.set(self._deadlines.message if content else self._deadlines.response)
        try:
            with self._client.stream(
                method, url, headers=dict(headers), content=content, extensions=self._extensions
            ) as response:
                return Answer(
                    response.status_code,
                    {name.lower(): value for name, value in response.headers.items()},
                    self._body(response),
                )
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._failure(error) from None
        finally:
            self._deadline.lift()

    def end(self) -> None:
        """Close. Never raises."""
        self._client.close()
        self._deadline.end()

    def _counted(self, body: Iterable[bytes | memoryview]) -> Iterable[bytes]:
        """The body in pieces that a timeout bounds; after its end the answer has its own time."""
        over = time.monotonic() + self._deadlines.message
        for piece in body:
            if time.monotonic() > over:
                raise UpstreamError(
                    f"it took longer than {self._deadlines.message:.0f} s to send one instance", fix=_SLOW
                )
            yield bytes(piece)
        self._deadline.set(self._deadlines.response)

    def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for piece in response.iter_raw(_PIECE):
            body += piece
            if len(body) > limits.HTTP_ANSWER.default:
                raise UpstreamError(
                    f"{self._host} gave an answer of more than {limits.HTTP_ANSWER.default} bytes", fix="Check the URL."
                )
        return bytes(body)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            raw: socket.socket = info["return_value"].get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._deadline.watch(raw.fileno())

    def _failure(self, error: Exception) -> UpstreamError:
        """What went wrong, in our words: httpx's own name addresses and paths, and OpenSSL's are long."""
        if self._deadline.missed or isinstance(error, httpx.ReadTimeout):
            return UpstreamError(f"a whole answer of {self._host} did not come in time", fix=_SLOW)
        if isinstance(error, httpx.ConnectTimeout):
            return UpstreamError(
                f"cannot connect to {self._host}: no answer in time", fix="Check the URL and the network."
            )
        if isinstance(error, httpx.WriteTimeout):
            return UpstreamError(f"{self._host} took nothing from us for {self._deadlines.write:.0f} s", fix=_SLOW)
        if isinstance(error, httpx.ProtocolError):
            return UpstreamError(
                f"{self._host} closed the connection, or does not speak HTTP/1.1",
                fix="Check the URL, and the log there of that time.",
            )
        cause = _cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UpstreamError(
                f"the certificate of {self._host} is refused: {wash(cause.verify_message, 120)}",
                fix=certificate_advice(cause),
            )
        if isinstance(cause, ssl.SSLError):
            return UpstreamError(
                f"TLS with {self._host} failed: {tls_words(cause)}",
                fix="Check that TLS is on there, and that it trusts our certificate.",
            )
        if isinstance(cause, socket.gaierror):
            return UpstreamError(
                f"the name of {self._host} does not resolve ({wash(cause.strerror or '')})",
                fix="Check the name and the DNS.",
            )
        why = wash(cause.strerror or type(cause).__name__) if cause else "the connection was lost"
        verb = "cannot connect to" if isinstance(error, httpx.ConnectError) else "lost the connection to"
        return UpstreamError(f"{verb} {self._host}: {why}", fix="Check the URL and the network.")


def _cause(error: BaseException) -> OSError | None:
    """The error of the system or of OpenSSL behind one of httpx's."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, OSError):
        seen = seen.__cause__ or seen.__context__
    return seen
