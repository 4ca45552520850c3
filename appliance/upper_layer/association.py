"""One association of the DICOM upper layer (PS3.8) with its DIMSE messages (PS3.7): received bytes in, events out.

Owns what a shell may say and when, for both roles. It never touches a socket, a clock or a thread: the shell that
drives it reads and writes the transport, and keeps the deadlines that `awaiting` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer import associate, pdu
from appliance.upper_layer.command import CommandSet
from appliance.upper_layer.events import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    CommandReceived,
    ConnectionClosed,
    DataFragment,
    Event,
    PeerFault,
    Released,
    ReleaseRequested,
)
from appliance.upper_layer.machine import AWAITING, Awaiting, Machine
from appliance.upper_layer.message_writer import MessageWriter
from appliance.upper_layer.negotiation import (
    LEAST_MAX_PDU,
    AcceptedContext,
    AssociateAccept,
    AssociateRequest,
    Negotiated,
    check_accept,
    check_request,
)
from appliance.upper_layer.pdu import AbortReason, AbortSource, Buffer, PduType
from appliance.upper_layer.receiver import Receiver
from appliance.upper_layer.table import Evt, State

__all__ = [
    "Aborted",
    "Association",
    "AssociationAccepted",
    "AssociationRejected",
    "AssociationRequested",
    "Awaiting",
    "CommandReceived",
    "ConnectionClosed",
    "DataFragment",
    "Event",
    "PeerFault",
    "ReleaseRequested",
    "Released",
]


class Association:
    """The engine. One object an association; not thread-safe; `LocalError` is all that it raises, for our own mistakes.

    As acceptor, over a transport that was just opened:

        association = Association.acceptor()
        while association.awaiting is not Awaiting.CLOSED:
            count = receive_into(buffer)                     # under the deadline of `awaiting`
            if not count:
                events = association.connection_lost()
            else:
                events = association.receive(buffer[:count])
            for event in events:
                AssociationRequested -> send(accept(...) or reject(...))
                CommandReceived      -> when no data set follows: send(send_command(response))
                DataFragment         -> take `data` now; when `last`: send(send_command(response))
                ReleaseRequested     -> if awaiting is RELEASE_RESPONSE: send(release_reply())
                PeerFault            -> send(event.reply), log event.reason
                Aborted, ConnectionClosed -> drop what is incomplete
        close the transport

    As requestor:

        association = Association.requestor(request)
        connect; send(association.associate_request())
        receive as above until AssociationAccepted, AssociationRejected or an end
        send(send_command(context_id, c_store_rq(...), data_set_follows=True))
        for chunk in data set: for each in send_data(context_id, chunk, last=...): send(each)
        receive until CommandReceived: the response
        send(release()); receive until Released; close

    Rules for the shell:
    - Run the iteration of `receive` to its end before the next `receive`. Events come one PDU at a time; methods that
      send may be called between two steps. A fragment's view dies with the next step.
    - Bytes that a method returns are sent in the order of the calls, all of them. b"" means nothing to send.
    - On a missed deadline: `artim_expired` in ASSOCIATE_RQ and CLOSE, else `abort(...)`. The PDU deadline begins anew
      when `pdus_received` has changed, the message deadline when `messages_received` has; a long data set is in
      PDU_REST for minutes. While `inside_message` the message deadline runs whatever is awaited.
    - After PeerFault or our own abort or reject, CLOSE is awaited: go on receiving (bytes are dropped, up to
      limits.AFTER_ASSOCIATION). To close with bytes unread would reset the connection before the peer read why.
    - In a release collision the acceptor gets Released while RELEASE_RESPONSE is awaited: send the reply, then wait.
    """

    def __init__(self, state: State, max_pdu: int, request: AssociateRequest | None) -> None:
        """Use `acceptor` or `requestor`."""
        if max_pdu and not LEAST_MAX_PDU <= max_pdu <= 0xFFFFFFFF:
            raise LocalError(f"a maximum length of {max_pdu} bytes cannot be announced")
        self._max_pdu = max_pdu
        self._machine = Machine(state)
        self._negotiated = Negotiated()
        self._receiver = Receiver(self._machine, self._negotiated, max_pdu, request)
        self._writer = MessageWriter(self._negotiated)

    @classmethod
    def acceptor(cls, max_pdu: int = limits.MAX_PDU_RECEIVE.default) -> Association:
        """For a transport connection that a peer opened. We announce `max_pdu` as maximum length, 0 for none."""
        return cls(State.STA2, max_pdu, None)

    @classmethod
    def requestor(cls, request: AssociateRequest, max_pdu: int = limits.MAX_PDU_RECEIVE.default) -> Association:
        """For a transport connection that we are about to open. `max_pdu` replaces the one in `request`."""
        check_request(request)
        return cls(State.STA4, max_pdu, replace(request, max_pdu=max_pdu))

    # What the shell may ask

    @property
    def state(self) -> State:
        """The state of PS3.8 9.2."""
        return self._machine.state

    @property
    def awaiting(self) -> Awaiting:
        """What is awaited now, for the shell's deadlines."""
        state = self._machine.state
        if state is State.STA6:
            if self._receiver.stream.inside_pdu:
                return Awaiting.PDU_REST
            if self._receiver.messages.inside_message:
                return Awaiting.MESSAGE_REST
        return AWAITING[state]

    @property
    def inside_message(self) -> bool:
        """Whether a received DIMSE message has begun and is not whole."""
        return self._receiver.messages.inside_message

    @property
    def pdus_received(self) -> int:
        """How many PDUs have begun; those that come after the association do not count."""
        return self._receiver.pdus

    @property
    def messages_received(self) -> int:
        """How many whole DIMSE messages were received."""
        return self._receiver.messages.messages

    @property
    def due(self) -> int:
        """Bytes of the P-DATA-TF under way that are still to come: to wait for them makes nobody wait. 0 outside."""
        return self._receiver.stream.due

    @property
    def held(self) -> int:
        """Bytes from the peer that the engine buffers now."""
        return self._receiver.stream.held + self._receiver.messages.held

    @property
    def can_send(self) -> bool:
        """Whether commands and data may be sent."""
        return self._machine.action(Evt.P_DATA_REQUEST) is not None

    @property
    def accepted(self) -> Mapping[int, AcceptedContext]:
        """The accepted presentation contexts by id; empty until there is an association."""
        return MappingProxyType(self._negotiated.contexts)

    @property
    def request(self) -> AssociateRequest | None:
        """The A-ASSOCIATE-RQ of this association, sent or received."""
        return self._receiver.request

    # What came over the transport

    def receive(self, data: Buffer) -> Iterator[Event]:
        """The events of `data`, which must not change before the iteration ends. After CLOSED there are none.

        Raises LocalError when the iteration of the `receive` before was not run to its end: bytes would be lost.
        """
        if self._receiver.reading:
            raise LocalError("the events of the last receive were not taken to their end")
        if self._machine.state is State.STA4:
            raise LocalError("nothing can be received before the A-ASSOCIATE-RQ is sent")
        self._receiver.reading = True
        return self._receiver.events(memoryview(data).cast("B"))

    def connection_lost(self) -> list[Event]:
        """The peer closed the transport, or it broke (Evt17)."""
        state = self._machine.state
        if state is State.STA1:
            return []
        begun = self._receiver.pdus or self._receiver.stream.held
        self._machine.advance(Evt.TRANSPORT_CLOSED)
        return [ConnectionClosed(orderly=state is State.STA13 or (state is State.STA2 and not begun))]

    def artim_expired(self) -> list[Event]:
        """The deadline of ASSOCIATE_RQ or CLOSE passed (Evt18): the transport is to be closed. Else LocalError."""
        orderly = self._machine.state is State.STA13
        self._machine.advance(Evt.ARTIM_EXPIRED)
        return [ConnectionClosed(orderly)]

    # What our side wants

    def associate_request(self) -> bytes:
        """The transport is open (Evt2): the A-ASSOCIATE-RQ."""
        self._machine.require(Evt.TRANSPORT_CONFIRM)
        assert self.request is not None
        encoded = associate.encode_request(self.request)
        self._machine.advance(Evt.TRANSPORT_CONFIRM)
        return encoded

    def accept(self, accept: AssociateAccept) -> bytes:
        """The A-ASSOCIATE-AC. LocalError unless it answers each proposed context once."""
        self._machine.require(Evt.ACCEPT)
        request = self.request
        assert request is not None
        check_accept(request, accept)
        encoded = associate.encode_accept(replace(accept, max_pdu=self._max_pdu), request)
        self._machine.advance(Evt.ACCEPT)
        self._negotiated.settle(request, accept, request.max_pdu)
        return encoded

    def reject(self, result: int, source: int, reason: int) -> bytes:
        """The A-ASSOCIATE-RJ: numbers of PS3.8 table 9-21, others are a LocalError."""
        encoded = pdu.encode_reject(result, source, reason)
        self._machine.advance(Evt.REJECT)
        return encoded

    def abort(self, source: int = AbortSource.SERVICE_USER, reason: int = AbortReason.NOT_SPECIFIED) -> bytes:
        """The A-ABORT; b"" where there is no association to abort (then close)."""
        encoded = pdu.encode_abort(source, reason)
        if self._machine.action(Evt.ABORT_REQUEST) is None:
            return b""
        self._machine.advance(Evt.ABORT_REQUEST)
        return encoded if self._machine.state is State.STA13 else b""

    def release(self) -> bytes:
        """The A-RELEASE-RQ. LocalError in the middle of a message that we send."""
        if self._writer.inside_message:
            raise LocalError("a release in the middle of a message")
        self._machine.advance(Evt.RELEASE_REQUEST)
        return pdu.encode_release(PduType.RELEASE_RQ)

    def release_reply(self) -> bytes:
        """The A-RELEASE-RP, when RELEASE_RESPONSE is awaited."""
        self._machine.advance(Evt.RELEASE_RESPONSE)
        return pdu.encode_release(PduType.RELEASE_RP)

    def send_command(self, context_id: int, command: CommandSet, data_set_follows: bool) -> bytes:
        """The P-DATA-TF PDUs of a command set; its data set type is set from `data_set_follows`."""
        self._machine.require(Evt.P_DATA_REQUEST)
        return self._writer.command(context_id, command, data_set_follows)

    def send_data(self, context_id: int, data: Buffer, last: bool) -> Iterator[bytes]:
        """The P-DATA-TF PDUs of the next chunk of the data set, each to be sent before the next is built."""
        self._machine.require(Evt.P_DATA_REQUEST)
        return self._writer.data(context_id, data, last)
