"""The receiving half of the engine: bytes to events, by the table of PS3.8 9.2.

Owns what was received and is not reported yet. It judges a PDU by its header, so that nothing is buffered which the
state does not allow, and it is the one place where a `ProtocolFault` becomes an abort.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.upper_layer import associate, pdu
from appliance.upper_layer.events import (
    Aborted,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    ConnectionClosed,
    Event,
    PeerFault,
    Released,
    ReleaseRequested,
)
from appliance.upper_layer.machine import Machine
from appliance.upper_layer.message_reader import MessageReader
from appliance.upper_layer.negotiation import AssociateRequest, Negotiated
from appliance.upper_layer.pdu import AbortReason, AbortSource, PduType, ProtocolFault
from appliance.upper_layer.pdu_stream import PduStream, Token
from appliance.upper_layer.table import Action, Evt, State

_EVT: dict[int, Evt] = {
    PduType.ASSOCIATE_RQ: Evt.ASSOCIATE_RQ_PDU,
    PduType.ASSOCIATE_AC: Evt.ASSOCIATE_AC_PDU,
    PduType.ASSOCIATE_RJ: Evt.ASSOCIATE_RJ_PDU,
    PduType.P_DATA_TF: Evt.P_DATA_TF_PDU,
    PduType.RELEASE_RQ: Evt.RELEASE_RQ_PDU,
    PduType.RELEASE_RP: Evt.RELEASE_RP_PDU,
    PduType.ABORT: Evt.ABORT_PDU,
}
_UNEXPECTED = frozenset({Action.AA_1, Action.AA_7, Action.AA_8})
_LEAST_ASSOCIATE = 68
_LEAST_P_DATA = 6
_PROTOCOL_VERSION_NOT_SUPPORTED = (1, 2, 2)
_TLS_HANDSHAKE = 0x16


class Receiver:
    """Goes through what is received, one event a step. `request` is the A-ASSOCIATE-RQ, once there is one."""

    def __init__(
        self, machine: Machine, negotiated: Negotiated, max_pdu: int, request: AssociateRequest | None
    ) -> None:
        self._machine = machine
        self._negotiated = negotiated
        self._max_pdu = max_pdu
        self._is_requestor = request is not None
        self._faulted = False  # nothing that the peer sends has a meaning any more
        self._dropped = 0  # bytes received after the association
        self.request = request
        self.stream = PduStream()
        self.messages = MessageReader(negotiated)
        self.pdus = 0  # that have begun, less those that are dropped because the association is over
        self.reading = False  # whether an iteration has begun and is not at its end
        machine.when_over = self._drop

    def events(self, data: memoryview) -> Iterator[Event]:
        """The events of `data`, lazily."""
        self.stream.feed(data)
        if self._machine.state is State.STA13:
            self._dropped += len(data)
            if self._dropped > limits.AFTER_ASSOCIATION.default:
                self._machine.advance(Evt.ARTIM_EXPIRED)
                yield ConnectionClosed(orderly=True)
        while (event := self._next()) is not None:
            yield event
        self.stream.let_go()
        self.reading = False

    def _next(self) -> Event | None:
        if self._faulted or self._machine.state is State.STA1:
            return None
        try:
            return self._step()
        except ProtocolFault as fault:
            return self._fault(fault)

    def _step(self) -> Event | None:
        """Go on to the next event; None at the end of the buffer."""
        stream = self.stream
        event: Event | None
        while True:
            token = stream.next()
            if token is Token.FRAGMENT:
                event = self.messages.fragment(stream.fragment, not stream.pdv_left)
                if event is not None:
                    return event
            elif token is Token.MORE:
                return None
            elif token is Token.PDV:
                self.messages.begin(stream.context_id, stream.flags)
            elif token is Token.PDU:
                self._header(stream.pdu_type, stream.pdu_length)
            else:
                return self._control(stream.pdu_type, stream.body)

    def _header(self, pdu_type: int, length: int) -> None:
        """A PDU begins: take it, drop it, or object to it."""
        event = _EVT.get(pdu_type)
        if event is None:
            hint = "; the peer speaks TLS here" if pdu_type == _TLS_HANDSHAKE else ""
            raise ProtocolFault(f"PDU type {pdu_type:02X}H{hint}", AbortReason.UNRECOGNIZED_PDU)
        action = self._machine.action(event)
        if action in _UNEXPECTED:
            raise ProtocolFault(f"{PduType(pdu_type).title} in Sta{self._machine.state}", AbortReason.UNEXPECTED_PDU)
        if action is Action.AA_6:
            self.stream.skip()
            return
        self.pdus += 1
        if event is Evt.P_DATA_TF_PDU:
            if length < _LEAST_P_DATA or 0 < self._max_pdu < length:
                raise ProtocolFault(f"P-DATA-TF of {length} bytes, where {_LEAST_P_DATA} to {self._max_pdu} may be")
            self.stream.walk()
        else:
            associate_pdu = event in (Evt.ASSOCIATE_RQ_PDU, Evt.ASSOCIATE_AC_PDU)
            least = _LEAST_ASSOCIATE if associate_pdu else limits.CONTROL_PDU.default
            most = limits.ASSOCIATE_PDU.default if associate_pdu else limits.CONTROL_PDU.default
            if not least <= length <= most:
                raise ProtocolFault(f"{PduType(pdu_type).title} of {length} bytes, where {least} to {most} may be")
            self.stream.collect()

    def _control(self, pdu_type: int, body: bytes) -> Event:
        """A whole control PDU that the table allows."""
        event = _EVT[pdu_type]
        match self._machine.action(event):
            case Action.AE_6:
                return self._requested(associate.decode_request(body))
            case Action.AE_3:
                assert self.request is not None
                accept = associate.decode_accept(body, self.request)
                self._machine.advance(event)
                self._negotiated.settle(self.request, accept, accept.max_pdu)
                return AssociationAccepted(accept)
            case Action.AE_4:
                self._machine.advance(event)
                return AssociationRejected(*pdu.decode_reject(body))
            case Action.AR_2:
                self._machine.advance(event)
                return ReleaseRequested()
            case Action.AR_8:
                self._machine.advance(event, branch=0 if self._is_requestor else 1)
                return ReleaseRequested()
            case Action.AR_3 | Action.AR_10:
                self._machine.advance(event)
                return Released()
            case _:
                self._machine.advance(event)  # AA-2, AA-3
                return Aborted(*pdu.decode_abort(body))

    def _requested(self, request: AssociateRequest) -> Event:
        if not request.protocol_version & 1:
            self._machine.advance(Evt.ASSOCIATE_RQ_PDU, branch=1)
            self._faulted = True
            reply = pdu.encode_reject(*_PROTOCOL_VERSION_NOT_SUPPORTED)
            return PeerFault(f"protocol version {request.protocol_version:04X}H is not supported", reply)
        self._machine.advance(Evt.ASSOCIATE_RQ_PDU)
        self.request = request
        return AssociationRequested(request)

    def _fault(self, fault: ProtocolFault) -> Event:
        """AA-1 aborts as service user, without a reason; AA-7 and AA-8 as service provider, with one."""
        action = self._machine.action(Evt.INVALID_PDU)
        self._machine.advance(Evt.INVALID_PDU)
        self._faulted = True
        source = AbortSource.SERVICE_USER if action is Action.AA_1 else AbortSource.SERVICE_PROVIDER
        return PeerFault(fault.message, pdu.encode_abort(source, fault.reason))

    def _drop(self) -> None:
        """The association is over: what is under way will not be reported."""
        self.stream.skip()
        self.messages.drop()
