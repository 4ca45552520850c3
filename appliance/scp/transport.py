"""One accepted TCP connection, with or without TLS, and the acknowledgement that saves 40 ms.

A client with Nagle's algorithm on holds the small tail of a data set until what went before is acknowledged, and our
kernel delays that acknowledgement. TCP_QUICKACK answers at once; the kernel resets it, so it is set again whenever a
receive came back short.
"""

from __future__ import annotations

import socket
import ssl

from appliance.base.text import wash
from appliance.host import tls

_TLS_RECORD = 16384


class Transport:
    """A connection that was accepted. TLS starts with `handshake`, so that it never runs on the accept path."""

    def __init__(self, raw: socket.socket, context: ssl.SSLContext | None) -> None:
        raw.setblocking(True)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._raw = raw
        self.certificate: tls.PeerCertificate | None = None
        self.security = "cleartext"
        self.legacy_tls = False
        self._tls: ssl.SSLSocket | None = None
        if context:
            self._tls = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
            self._raw = self._tls

    @property
    def socket(self) -> socket.socket:
        """The socket, for the reaper to shut."""
        return self._raw

    def handshake(self) -> None:
        """Do the TLS handshake, where there is one. Raises OSError (ssl.SSLError) when it fails."""
        if self._tls is not None:
            self._tls.do_handshake()
            self.certificate = tls.peer_certificate(self._tls)
            self.security = tls.describe(self._tls)
            if self.certificate and self.certificate.issuer:
                self.security += f", certificate by {wash(self.certificate.issuer)}"
            self.legacy_tls = tls.is_legacy(self._tls)
            # TLS 1.3 has us say nothing now, and Nagle's algorithm holds the A-ASSOCIATE-RQ until we acknowledge.
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def receive_into(self, buffer: memoryview, least: int = 1) -> int:
        """Wait for `least` bytes; fewer only at the end of the stream. Raises OSError when the connection broke.

        TLS gives 16 KiB a call at most. To gather what is certain to come keeps the work a call, ours and the
        engine's, off each of them.
        """
        receive_into = self._raw.recv_into
        full = _TLS_RECORD if self._tls is not None else len(buffer)
        taken = 0
        while taken < least:
            count = receive_into(buffer[taken:] if taken else buffer)
            if not count:
                break
            if count < full:
                self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            taken += count
        return taken

    def send(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError when the connection broke."""
        if data:
            self._raw.sendall(data)

    def close(self) -> None:
        """Close; no close_notify is awaited, since A-RELEASE or A-ABORT ended the association."""
        try:
            self._raw.close()
        except OSError:
            pass
