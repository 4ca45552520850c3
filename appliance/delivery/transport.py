"""The connection to a destination: TCP, then TLS unless the entry says never; every step under a deadline.

Owns the socket. Raises `UpstreamError` in words for a log line; what the other side sent is never part of them.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable

from appliance.base.errors import UpstreamError
from appliance.base.text import wash
from appliance.config.values import HostPort
from appliance.delivery.deadlines import Deadlines

_SHOWN = "`appliance echo` shows it."
_ANOTHER_NAME = f"It is for another name: set server_name of the destination, or correct its address. {_SHOWN}"
_ANOTHER_CA = f"Put the CA that signed it into ca of the destination. {_SHOWN}"
_CERTIFICATE_ADVICE = {
    9: f"It is not valid yet: is our clock right? {_SHOWN}",
    10: f"It ended: it has to be renewed there, unless our clock is wrong. {_SHOWN}",
    18: _ANOTHER_CA,
    19: _ANOTHER_CA,
    20: _ANOTHER_CA,
    21: _ANOTHER_CA,
    62: _ANOTHER_NAME,
    64: _ANOTHER_NAME,
}


class CertificateRefused(UpstreamError):
    """What the other side showed is not what we trust; `code` is OpenSSL's X509_V_ERR."""

    def __init__(self, message: str, code: int, *, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.code = code


class Transport:
    """One open connection. `send` and `receive_into` raise OSError; a TimeoutError among them is a missed deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._timeout = connection.gettimeout() or 0.0
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, data: bytes, seconds: float) -> None:
        """Hand all of `data` to the kernel within `seconds` for each TLS record of it."""
        self._wait_at_most(seconds)
        self._socket.sendall(data)

    def receive_into(self, buffer: memoryview, deadline: float) -> int:
        """Wait for bytes until `deadline` (time.monotonic seconds); 0 at the end of the stream."""
        while True:
            left = max(deadline - time.monotonic(), 0.001)
            if left < self._timeout or not self._timeout:
                self._wait_at_most(left)
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                if time.monotonic() >= deadline:
                    raise

    def readable(self) -> bool:
        """Whether something waits to be read: bytes, the end of the stream or an error."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(self._poll.poll(0))

    def cut(self) -> None:
        """End both directions: who waits in another thread hears the end of the stream. Never raises."""
        try:
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def close(self) -> None:
        """Close at once: A-RELEASE or A-ABORT has ended the association, so no close_notify is awaited."""
        self._socket.close()

    def _wait_at_most(self, seconds: float) -> None:
        # Setting a timeout is a system call; a stream of writes, each with its answer, needs one.
        if seconds != self._timeout:
            self._socket.settimeout(seconds)
            self._timeout = seconds


def connect(
    address: HostPort, context: Callable[[], ssl.SSLContext] | None, server_name: str | None, deadlines: Deadlines
) -> Transport:
    """Connect to `address`. With a TLS context, its certificate must name `server_name`, or else the address's host.

    Raises UpstreamError, with a fix where the reason suggests one.
    """
    raw = reach(address, deadlines.connect)
    return Transport(raw if context is None else secure(raw, address, context, server_name, deadlines.handshake))


def reach(address: HostPort, seconds: float) -> socket.socket:
    """A TCP connection within so long. Raises UpstreamError."""
    try:
        raw = socket.create_connection((address.host, address.port), timeout=seconds)
    except socket.gaierror as error:
        raise UpstreamError(
            f"the name {address.host} does not resolve ({wash(error.strerror or '')})",
            fix="Check the name and the DNS.",
        ) from None
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else wash(error.strerror or str(error))
        raise UpstreamError(f"cannot connect to {address}: {why}", fix="Check the address and the network.") from None
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return raw


def secure(
    raw: socket.socket,
    address: HostPort,
    context: Callable[[], ssl.SSLContext],
    server_name: str | None,
    seconds: float,
) -> ssl.SSLSocket:
    """TLS over a connection. Raises UpstreamError, `CertificateRefused` where that is why; closes it then."""
    raw.settimeout(seconds)
    try:
        name = server_name or address.host
        secured = context().wrap_socket(raw, server_hostname=name, do_handshake_on_connect=False)
        raw = secured
        secured.do_handshake()
        return secured
    except ssl.SSLCertVerificationError as error:
        raw.close()
        raise CertificateRefused(
            f"the certificate of {address} is refused: {wash(error.verify_message, 120)}",
            error.verify_code,
            fix=certificate_advice(error),
        ) from None
    except OSError as error:
        raw.close()
        why = "no answer in time" if isinstance(error, TimeoutError) else tls_words(error)
        raise UpstreamError(
            f"TLS handshake with {address} failed: {why}",
            fix="Check that TLS is on there, and that it trusts our certificate.",
        ) from None
    except BaseException:
        raw.close()
        raise


def certificate_advice(error: ssl.SSLCertVerificationError) -> str:
    """What a person can do about a certificate that we refuse, by OpenSSL's code (X509_V_ERR_…) for why."""
    return _CERTIFICATE_ADVICE.get(error.verify_code, "Check ca and server_name of the destination, and the clock.")


def tls_words(error: OSError) -> str:
    """OpenSSL's name for what happened, like "tlsv1 alert unknown ca"; it holds nothing that the peer wrote."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return wash(error.reason.lower().replace("_", " "))
    return wash(error.strerror or type(error).__name__)
