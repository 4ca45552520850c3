"""One connection to a collector of syslog: TLS, never waiting but in `wait`. Says what was acknowledged, not what was
read: the protocol has no answer."""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import termios
from pathlib import Path

from appliance.base import limits
from appliance.base.errors import UpstreamError
from appliance.config.values import HostPort
from appliance.host.tls import client_context

_INT = struct.Struct("i")


class Collector:
    """An open connection. Raises `UpstreamError` when it broke."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._out = memoryview(b"")
        self._wants_write = False

    @property
    def busy(self) -> bool:
        """Whether something that was given to `send` is still ours."""
        return bool(self._out)

    def send(self, data: bytes) -> None:
        """Begin to send; once at a time."""
        assert not self._out
        self._out = memoryview(data)
        self.push()

    def push(self) -> None:
        """Hand on as much as the kernel takes."""
        self._wants_write = False
        try:
            while self._out:
                self._out = self._out[self._connection.send(self._out) :]
        except ssl.SSLWantWriteError:
            self._wants_write = True
        except ssl.SSLWantReadError:
            pass
        except OSError as error:
            raise broken(error) from None

    def acknowledged(self) -> bool:
        """Whether the other machine has all that was sent. Its kernel, that is."""
        waiting: int = _INT.unpack(fcntl.ioctl(self._connection.fileno(), termios.TIOCOUTQ, bytes(_INT.size)))[0]
        return not self._out and waiting == 0

    def wait(self, wake: socket.socket, seconds: float | None) -> None:
        """Until the connection can go on, `wake` is readable, or time is up. Whatever a collector says is dropped."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN | (select.POLLOUT if self._wants_write else 0))
        poll.register(wake, select.POLLIN)
        ready = dict(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))
        if ready.get(self._connection.fileno(), 0) & ~select.POLLOUT:
            self._listen()

    def finish(self, seconds: float) -> bool:
        """Say goodbye, and wait for the collector's, which has then read everything. Whether it came in time."""
        try:
            self._connection.settimeout(seconds)
            self._connection.unwrap().close()
        except ssl.SSLEOFError:
            return True  # it hung up without a word, which it does after the last byte
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _listen(self) -> None:
        try:
            if not self._connection.recv(4096):
                raise UpstreamError("the collector closed the connection")
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as error:
            raise broken(error) from None


def connect(
    address: HostPort, ca: Path, certificate: Path | None, key: Path | None, server_name: str | None
) -> Collector:
    """Call the collector and check its certificate. Raises `ApplianceError`."""
    context = client_context(ca, certificate, key)
    seconds = limits.SYSLOG_CONNECT.default
    try:
        plain = socket.create_connection((address.host, address.port), seconds)
    except OSError as error:
        raise broken(error) from None
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, limits.SYSLOG_DEAD.default)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limits.SYSLOG_DEAD.default * 1000)
        connection = context.wrap_socket(plain, server_hostname=server_name or address.host)
    except OSError as error:
        plain.close()
        raise broken(error) from None
    connection.setblocking(False)
    return Collector(connection)


def broken(error: OSError) -> UpstreamError:
    """What a person is told of it: no word of the peer is in it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamError(f"its certificate is refused: {error.verify_message}")
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "TLS failed").replace("_", " ").lower()
        return UpstreamError(f"TLS: {reason}")
    if isinstance(error, TimeoutError):
        return UpstreamError("it does not answer")
    return UpstreamError((error.strerror or type(error).__name__).lower())
