"""The reports of storage commitment that go over an association which the peer opened (PS3.4 J.3.3, PS3.7 10.1.1).

Belongs to one association and is used by its thread alone: no other thread ever touches the connection. It waits for
the peer and for `forward` together, on two sockets, only between two messages and only after the association has
rested a while, so that a device that stores on, or releases at once, is not disturbed. One report is outstanding at a
time. It keeps no promise of its own: `forward` has the report until the peer's answer has come back to it.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError
from appliance.host import report_channel
from appliance.host.log import log
from appliance.host.report_channel import Answered, Asked, Begun, Here, Message, Report
from appliance.scp.deadlines import Deadline
from appliance.scp.ingest import Sender, StoreContext
from appliance.scp.service import Service
from appliance.scp.transport import Transport
from appliance.seal.commitment import CommitmentRequest, open_request
from appliance.upper_layer.association import Association, Awaiting
from appliance.upper_layer.command import CommandField, CommandSet
from appliance.upper_layer.commitment import STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, encode_report, report_taken

_Value = TypeVar("_Value")
_FIRST_DELAY = 0.5  # seconds until `forward` is looked for again, where it was not there or went away
_LONGEST_DELAY = 30.0


@dataclass(frozen=True, slots=True)
class _Outstanding:
    request_id: str
    message_id: int
    context_id: int


class Reports:
    """What one association owes its peer, as far as the association goes. No method but `wait` ever blocks."""

    def __init__(
        self,
        engine: Association,
        transport: Transport,
        deadline: Deadline,
        service: Service,
        sender: Sender,
        contexts: Mapping[int, StoreContext],
        send: Callable[[bytes], None],
        *,
        kept: bool,
    ) -> None:
        """`contexts` has the accepted contexts of storage commitment. `kept`: whether reports on requests of earlier
        associations come over this one too."""
        self._engine = engine
        self._socket = transport.socket
        self._deadline = deadline
        self._service = service
        self._here = Here(sender.peer, sender.calling_ae, sender.called_ae)
        self._contexts = contexts
        self._context_id = next(iter(contexts))
        self._send = send
        self._kept = kept
        self._channel: socket.socket | None = None
        self._delay = _FIRST_DELAY
        self._retry_at = 0.0
        self._asked: dict[str, None] = {}
        self._taken: dict[str, int] = {}  # so that a `forward` that died before it knew is told again
        self._untold: list[Answered] = []
        self._outstanding: _Outstanding | None = None
        self._message_id = 0

    def asked(self, context_id: int, request_id: str) -> None:
        """The peer made a request, which is about to be kept: have `forward` know whose it is before it finds it."""
        self._context_id = context_id
        _remember(self._asked, request_id, None)
        if self._channel:
            self._tell(Asked(request_id))
        else:
            self._connect()

    def wait(self) -> None:
        """Return when something of the peer is there, or has to come first; in the meantime reports go out."""
        if not self._resting() or self._ready(limits.COMMITMENT_QUIET.default / 1000, alone=True):
            return
        while self._resting():
            if self._ready(self._pause()):
                return
            if self._channel:
                self._hear(self._channel)

    def answered(self, context_id: int, command: CommandSet) -> bool:
        """Take a response of the peer; False where it answers nothing that was sent."""
        report = self._outstanding
        if (
            report is None
            or command.command_field != CommandField.N_EVENT_REPORT_RSP
            or (command.message_id_responded_to, context_id) != (report.message_id, report.context_id)
            or command.status is None
        ):
            return False
        self._outstanding = None
        if report_taken(command.status):
            self._asked.pop(report.request_id, None)
            _remember(self._taken, report.request_id, command.status)
        self._answer(report.request_id, command.status)
        return True

    def close(self) -> None:
        """The association is over; what it did not deliver is `forward`'s to deliver elsewhere."""
        if self._channel:
            self._channel.close()
            self._channel = None

    # Waiting

    def _resting(self) -> bool:
        return self._outstanding is None and self._engine.awaiting is Awaiting.MESSAGE

    def _ready(self, seconds: float | None, *, alone: bool = False) -> bool:
        """Wait for bytes of the peer, or unless `alone` for `forward`; whether it is the peer's turn."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True  # decrypted already: the kernel knows of nothing
        # Readable may mean a TLS record without data, like a key update: then the next one is waited for by reading.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if self._channel and not alone:
            poll.register(self._channel, select.POLLIN)
        ready = poll.poll(None if seconds is None else max(0.0, seconds) * 1000)
        return any(descriptor == self._socket.fileno() for descriptor, _ in ready)

    def _pause(self) -> float | None:
        """Have a connection to `forward` where one is needed; the seconds until it is tried again, if it is not."""
        if self._channel or not (self._kept or self._asked or self._untold):
            return None
        if time.monotonic() >= self._retry_at:
            self._connect()
        return None if self._channel else self._retry_at - time.monotonic()

    # Forward

    def _connect(self) -> None:
        try:
            self._channel = report_channel.connect(self._service.config.appliance.runtime_dir)
        except OSError as error:
            self._lose()
            self._service.say(catalogue.REPORTS_UNREACHABLE, "", reason=error.strerror)
            return
        untold, self._untold = self._untold, []
        messages: list[Message] = [self._here, *map(Asked, self._asked), *untold]
        for message in messages:
            self._tell(message)

    def _tell(self, message: Message) -> bool:
        """Whether `forward` can hear it still."""
        if self._channel:
            try:
                report_channel.send(self._channel, message)
                return True
            except OSError:
                self._lose()
        if isinstance(message, Answered):
            self._untold.append(message)
        return False

    def _lose(self) -> None:
        self.close()
        self._retry_at = time.monotonic() + self._delay
        self._delay = min(self._delay * 2, _LONGEST_DELAY)

    def _hear(self, channel: socket.socket) -> None:
        """Take what `forward` has said, if anything."""
        try:
            received = report_channel.receive(channel)
        except BlockingIOError:
            return
        except (OSError, ValueError):
            received = None
        if received is None:
            self._lose()
            return
        message, descriptor = received
        try:
            if isinstance(message, Report):
                self._delay = _FIRST_DELAY
                self._take(message, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _answer(self, request_id: str, status: int | None) -> None:
        if not self._tell(Answered(request_id, status)):
            self._connect()

    # The peer

    def _take(self, message: Report, descriptor: int | None) -> None:
        if message.request_id in self._taken:
            self._answer(message.request_id, self._taken[message.request_id])
            return
        try:
            request, reasons = self._open(message, descriptor)
        except (ApplianceError, ValueError, OSError) as error:
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="commitment report")
            self._answer(message.request_id, None)
            return
        if self._tell(Begun(message.request_id)):  # else `forward` is gone, or tries another way already
            self._report(request, reasons)

    def _open(self, message: Report, descriptor: int | None) -> tuple[CommitmentRequest, tuple[int, ...]]:
        """What to report. Raises where it is not for this peer, whoever says so."""
        if descriptor is None:
            raise ValueError("a report without its content")
        sealed, reasons = report_channel.unpack(descriptor, message.sealed)
        request = open_request(sealed, self._service.ingest.index_key)
        if Here(request.peer, request.calling_ae, request.called_ae) != self._here:
            raise ValueError("a report for another peer")
        if len(reasons) != len(request.references):
            raise ValueError("a report without a reason for each instance")
        return request, reasons

    def _report(self, request: CommitmentRequest, reasons: tuple[int, ...]) -> None:
        context_id = self._context_id
        event_type, data_set = encode_report(
            request.transaction, request.references, reasons, self._contexts[context_id].transfer_syntax
        )
        self._message_id = self._message_id % 0xFFFF + 1
        self._outstanding = _Outstanding(request.request_id, self._message_id, context_id)
        command = CommandSet(
            command_field=CommandField.N_EVENT_REPORT_RQ,
            message_id=self._message_id,
            affected_sop_class=STORAGE_COMMITMENT,
            affected_sop_instance=WELL_KNOWN_INSTANCE,
            event_type=event_type,
        )
        head = self._engine.send_command(context_id, command, data_set_follows=True)
        for pdu in self._engine.send_data(context_id, data_set, last=True):
            self._send(head + pdu)
            head = b""
        # A peer that never answers may store on: only the idle deadline ends it.
        self._deadline.set("an answer to our report", time.monotonic() + self._service.config.receive.idle)


def _remember(known: dict[str, _Value], request_id: str, value: _Value) -> None:
    """Add to what is known, and let the oldest go where that is too much."""
    known[request_id] = value
    if len(known) > limits.COMMITMENT_ASKED.default:
        del known[next(iter(known))]
