"""A modality of our own for what storescu cannot do: associations that stay open, and instances that stay half sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator

from appliance.host import tls
from appliance.upper_layer.association import Association, AssociationAccepted
from appliance.upper_layer.command import c_store_rq
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext
from tests.bench.receivers import Target

_CT = "1.2.840.10008.5.1.4.1.1.2"
_CONTEXTS = (PresentationContext(1, _CT, ("1.2.840.10008.1.2.1",)),)


class Held:
    """An association over mutual TLS that stays open until it is closed."""

    def __init__(self, target: Target, context: ssl.SSLContext) -> None:
        """Raises OSError, or RuntimeError when the association is not accepted."""
        self._engine = Association.requestor(AssociateRequest(target.called_ae, "CT1", _CONTEXTS))
        raw = socket.create_connection(("127.0.0.1", target.port), timeout=10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = context.wrap_socket(raw, server_hostname="edge01.demo.example")
        self._connection.sendall(self._engine.associate_request())
        events = list(self._engine.receive(self._connection.recv(65536)))
        if not events or not isinstance(events[-1], AssociationAccepted):
            self._connection.close()
            raise RuntimeError(f"no association: {events}")

    def begin(self, size: int) -> None:
        """Send a C-STORE-RQ and the first `size` bytes of its data set, and leave it at that."""
        instance = f"1.2.826.0.1.3680043.10.104.{id(self)}"
        self._connection.sendall(self._engine.send_command(1, c_store_rq(1, _CT, instance), True))
        head = _ui(0x16, _CT) + _ui(0x18, instance) + b"\xe0\x7f\x10\0OW\0\0" + (size * 2).to_bytes(4, "little")
        for pdu in self._engine.send_data(1, head + bytes(size), last=False):
            self._connection.sendall(pdu)

    def close(self) -> None:
        """Leave without a word."""
        self._connection.close()


def _ui(element: int, uid: str) -> bytes:
    value = uid.encode() + b"\0" * (len(uid) % 2)
    return b"\x08\0" + element.to_bytes(2, "little") + b"UI" + len(value).to_bytes(2, "little") + value


@contextlib.contextmanager
def held(target: Target, count: int) -> Iterator[list[Held]]:
    """So many open associations."""
    assert target.site
    party = target.site.ct
    context = tls.client_context(party.ca, party.certificate, party.key)
    opened: list[Held] = []
    try:
        for _ in range(count):
            opened.append(Held(target, context))
        yield opened
    finally:
        for each in opened:
            each.close()
