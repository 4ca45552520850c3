"""One association from its first byte to its last: drives the engine, keeps its deadlines, answers its messages.

A thread runs one `Connection`. Whatever a peer does ends here: with the reject, abort or status of the standard, one
log line, and no effect on any other connection.
"""

from __future__ import annotations

import socket
import time

from appliance.base.text import wash
from appliance.scp.deadlines import Deadline
from appliance.scp.dispatch import Dispatch
from appliance.scp.origin import Origin
from appliance.scp.service import Service
from appliance.scp.transport import Transport
from appliance.upper_layer import association as upper

_BUFFER = 131072


class Connection:
    """An accepted connection. `run` serves it and returns when it is over; it never raises."""

    def __init__(self, transport: Transport, origin: Origin, deadline: Deadline, service: Service) -> None:
        self._transport = transport
        self._origin = origin
        self._deadline = deadline
        self._service = service
        self._limits = service.config.receive
        self._engine = upper.Association.acceptor(max_pdu=self._limits.max_pdu)
        self._dispatch = Dispatch(self._engine, transport, origin, deadline, service)
        self._stage: tuple[upper.Awaiting, int] | None = None
        self._message_since: float | None = None

    def run(self) -> None:
        """Serve the connection to its end."""
        try:
            if self._handshake():
                self._serve()
        except OSError as error:
            self._dispatch.lost(self._deadline.expired or wash(error.strerror or type(error).__name__))
        finally:
            self._dispatch.close()
            self._deadline.close()
            self._transport.close()

    def stop(self) -> None:
        """The worker ends: cut off at once unless a message is under way, which may finish first. From any thread."""
        if self._dispatch.busy:
            return
        try:
            socket.socket.shutdown(self._transport.socket, socket.SHUT_RDWR)
        except OSError:
            pass  # it is over already

    def displace(self) -> None:
        """Others need our place: cut off at once, unless the A-ASSOCIATE-RQ is here. From any thread."""
        if self._engine.request is None:
            self._deadline.cut()

    def _handshake(self) -> bool:
        now = time.monotonic()
        self._deadline.set("the TLS handshake", now + self._limits.tls_handshake)
        try:
            self._transport.handshake()
        except OSError as error:
            self._service.handshake_failed(self._origin, self._deadline.expired, error)
            return False
        self._origin.security = self._transport.security
        self._origin.certificate = self._transport.certificate
        self._origin.legacy_tls = self._transport.legacy_tls
        return True

    def _serve(self) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        receive_into = self._transport.receive_into
        while True:
            self._rearm()
            if self._dispatch.reports is not None:
                self._dispatch.reports.wait()
            count = receive_into(buffer, max(1, min(self._engine.due, _BUFFER)))
            if not count:
                break
            for event in self._engine.receive(buffer[:count]):
                self._dispatch.handle(event)
            if self._engine.awaiting is upper.Awaiting.CLOSED:
                return
            if self._service.stopping.is_set() and not self._dispatch.busy:
                self._transport.send(self._engine.abort())
                return
        for event in self._engine.connection_lost():
            self._dispatch.handle(event)
        if self._deadline.expired:
            self._dispatch.lost(self._deadline.expired)

    def _rearm(self) -> None:
        """Set the deadline of what is awaited, when that changed."""
        stage = (self._engine.awaiting, self._engine.pdus_received)
        if stage == self._stage:
            return
        now = time.monotonic()
        match stage[0]:
            case upper.Awaiting.ASSOCIATE_RQ:
                if self._stage is None:
                    self._deadline.set("the A-ASSOCIATE-RQ (ARTIM)", now + self._limits.artim)
            case upper.Awaiting.MESSAGE:
                self._message_since = None
                self._deadline.set("the next request", now + self._limits.idle)
            case upper.Awaiting.PDU_REST | upper.Awaiting.MESSAGE_REST:
                self._message_since = self._message_since or now
                whole = self._message_since + self._limits.message
                self._deadline.set("the rest of a PDU or message", min(now + self._limits.pdu, whole))
            case _:
                self._deadline.set("the end of the connection", now + self._limits.artim)
        self._stage = stage
