"""Targets on the wire of DICOM: PDUs and command sets in both roles, heads of data sets, requests of commitment."""

from __future__ import annotations

import zlib
from functools import cache

from appliance.base import limits
from appliance.base.errors import PeerError, UpstreamError
from appliance.delivery import outcome
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.upper_layer import association as upper
from appliance.upper_layer import commitment
from appliance.upper_layer.associate import decode_accept, decode_request, encode_accept, encode_request
from appliance.upper_layer.command import CommandField, c_echo_rq, c_store_rq, decode_command, response
from appliance.upper_layer.data_head import DataHead, HeadParser
from appliance.upper_layer.pdu import ProtocolFault
from tests.fuzz.target import Target, cut
from tests.upper_layer import wire

PDU_CAP = limits.ASSOCIATE_PDU.default + limits.COMMAND_SET.default + 12  # bytes: one control PDU, one command set


def acceptor(data: bytes) -> None:
    """The engine as acceptor yields events and at most one fault, never raises, and holds no more than a PDU and a
    command set."""
    _associated(upper.Association.acceptor(), data)


def requestor(data: bytes) -> None:
    """The engine as requestor yields events and at most one fault, never raises, and holds no more than a PDU and a
    command set."""
    engine = upper.Association.requestor(wire.REQUEST)
    engine.associate_request()
    _associated(engine, data)


def established(data: bytes) -> None:
    """The same for an acceptor whose association stands."""
    engine = upper.Association.acceptor()
    wire.take(engine, RQ, handler=wire.accepting)
    _associated(engine, data)


def answers(data: bytes) -> None:
    """The same for a requestor that has sent a data set and waits for its answer."""
    engine = upper.Association.requestor(wire.REQUEST)
    engine.associate_request()
    wire.take(engine, accept())
    engine.send_command(1, c_store_rq(7, wire.CT, "1.2.3"), True)
    b"".join(engine.send_data(1, memoryview(b"data"), True))
    _associated(engine, data)


def destination(data: bytes) -> None:
    """Whatever a destination says, an instance is done only by a C-STORE-RSP to it of status 0000 or Bxxx, and nothing
    but UpstreamError is raised."""
    said = _Said(data)
    try:
        association = RequestorAssociation(said, wire.REQUEST, Deadlines())  # type: ignore[arg-type]
        if 1 not in association.accepted:
            association.release()
            return
        status = association.c_store(1, wire.CT, "1.2.3", [(memoryview(b"data"), True)])
        association.release()
    except UpstreamError:
        assert said.closed
        return
    assert said.closed
    if outcome.judge(status).verdict is outcome.Verdict.DONE:
        assert status == 0 or status >> 12 == 0xB
        assert status.to_bytes(2, "little") in data and (0x8001).to_bytes(2, "little") in data


class _Said:
    """A transport that takes everything; each time the other side says the next part of what it will ever say."""

    def __init__(self, data: bytes) -> None:
        self._parts = iter(data.split(b"||"))
        self._left = b""
        self.closed = False

    def send(self, data: bytes, seconds: float) -> None:
        self._left += next(self._parts, b"")

    def receive_into(self, buffer: memoryview, deadline: float) -> int:
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _associated(engine: upper.Association, data: bytes) -> None:
    faults = 0
    for piece in cut(data):
        for event in engine.receive(memoryview(piece)):
            assert engine.held <= PDU_CAP
            if isinstance(event, upper.PeerFault):
                faults += 1
                assert event.reply[0] in (3, 7) and len(event.reply) == 10
            elif isinstance(event, upper.AssociationRequested):
                engine.accept(wire.accept_all(event.request))
            elif isinstance(event, upper.CommandReceived) and not event.command.is_response and engine.can_send:
                if event.command.command_field != CommandField.C_CANCEL_RQ:
                    engine.send_command(event.context_id, response(event.command, 0), False)
            elif isinstance(event, upper.ReleaseRequested) and engine.awaiting is upper.Awaiting.RELEASE_RESPONSE:
                engine.release_reply()
    assert faults <= 1
    engine.connection_lost()
    assert engine.awaiting is upper.Awaiting.CLOSED


def associate(data: bytes) -> None:
    """An A-ASSOCIATE body decodes to a value that can be answered, or raises ProtocolFault."""
    try:
        request = decode_request(data)
        assert all(context.context_id % 2 for context in request.contexts)
        encode_accept(wire.accept_all(request), request)
    except ProtocolFault:
        pass
    try:
        decode_accept(data, wire.REQUEST)
    except ProtocolFault:
        pass


def command_set(data: bytes) -> None:
    """A command set decodes to a value whose response can be encoded, or raises ProtocolFault."""
    try:
        command = decode_command(data)
    except ProtocolFault:
        return
    if command.message_id is not None:
        assert decode_command(response(command, 0xC000).encode(False)).status == 0xC000


SYNTAXES = (wire.EXPLICIT, wire.IMPLICIT, wire.BIG_ENDIAN)


def data_head(data: bytes) -> None:
    """The head of a data set gives the same values however it is cut, never raises, and keeps no more than its cap."""
    for syntax in SYNTAXES:
        whole, in_parts = HeadParser(syntax), HeadParser(syntax)
        whole.feed(data[1:])
        for piece in cut(data):
            in_parts.feed(piece)
            assert len(in_parts._head) <= limits.DATASET_HEAD.default
        assert isinstance(whole.result(), DataHead) and in_parts.result() == whole.result()


def deflated_head(data: bytes) -> None:
    """The head of a deflated data set gives the same values however it is cut, never raises, and keeps no more than its
    cap of what it inflates to."""
    whole, in_parts = HeadParser(wire.DEFLATED), HeadParser(wire.DEFLATED)
    whole.feed(data[1:])
    for piece in cut(data):
        in_parts.feed(piece)
        assert len(in_parts._head) <= limits.DATASET_HEAD.default
    assert isinstance(whole.result(), DataHead) and in_parts.result() == whole.result()


def commitment_request(data: bytes) -> None:
    """The data set of an N-ACTION gives UIDs that stand in it, no more than may be asked for, and the same ones when it
    is written anew; or it raises PeerError."""
    for syntax in commitment.TRANSFER_SYNTAXES:
        try:
            transaction, references = commitment.decode_request(data, syntax)
        except PeerError:
            continue
        assert 0 < len(references) <= limits.COMMITMENT_INSTANCES.default
        assert all(uid.encode() in data for uid in (transaction, *references[0], *references[-1]))
        anew = commitment.encode_request(transaction, references, syntax)
        assert commitment.decode_request(anew, syntax) == (transaction, references)


RQ = encode_request(wire.REQUEST)
_STORE = wire.command_pdu(1, c_store_rq(7, wire.CT, "1.2.3"), True)
_ECHO = wire.command_pdu(3, c_echo_rq(7))
_DATA = wire.pdu(4, wire.pdv(1, 0, b"data")) + wire.pdu(4, wire.pdv(1, 2, b""))
_MIXED = wire.pdu(4, wire.pdv(1, 1, _STORE[12:40]) + wire.pdv(1, 3, _STORE[40:]))


@cache
def accept() -> bytes:
    """An A-ASSOCIATE-AC for `wire.REQUEST`."""
    engine = upper.Association.acceptor()
    wire.take(engine, RQ)
    assert engine.request
    return encode_accept(wire.ACCEPT, engine.request)


_HEAD = bytes.fromhex(
    "08001600 55490400 312e3200 08001800 55490400 312e3300"
    "08001511 53510000 ffffffff feff00e0 ffffffff feff0de0 00000000 feffdde0 00000000"
    "20000d00 55490400 312e3400 20000e00 55490400 312e3500"
)
_IMPLICIT_HEAD = bytes.fromhex("08001600 04000000 312e3200 20000e00 04000000 312e3500")


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def commitment_data_set(transaction: str) -> bytes:
    """An N-ACTION's data set in Implicit VR Little Endian."""

    def element(tag: int, value: bytes) -> bytes:
        return wire.element(tag, value + b"\0" * (len(value) % 2))

    item = element(0x00081150, wire.CT.encode()) + element(0x00081155, b"1.2.3.4")
    items = b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
    return element(0x00081195, transaction.encode()) + element(0x00081199, items)


_RESPONSE = wire.command_pdu(1, response(c_store_rq(1, wire.CT, "1.2.3"), 0))
_WARNING = wire.command_pdu(1, response(c_store_rq(1, wire.CT, "1.2.3"), 0xB006))
_REJECT = wire.pdu(3, bytes((0, 1, 1, 7)))

TARGETS = (
    Target(acceptor, (b"\0" + RQ + _STORE + _DATA, b"\7" + RQ + _ECHO + wire.pdu(5), b"\1" + RQ + _MIXED)),
    Target(requestor, (b"\0" + accept() + _ECHO, b"\5" + accept() + wire.pdu(6), b"\0" + _REJECT, b"\0" + wire.pdu(7))),
    Target(established, (b"\0" + _STORE + _DATA, b"\3" + _MIXED + _DATA + _ECHO, b"\0" + wire.pdu(5))),
    Target(answers, (b"\0" + _RESPONSE + wire.pdu(6), b"\1" + _WARNING + wire.pdu(5), b"\0" + _STORE + _DATA)),
    Target(
        destination,
        (
            accept() + b"||" + _RESPONSE + b"||" + wire.pdu(6),
            accept() + b"||" + _WARNING + wire.pdu(5) + b"||" + wire.pdu(6),
            accept() + wire.pdu(7),
            _REJECT,
        ),
    ),
    Target(associate, (RQ[6:], accept()[6:])),
    Target(command_set, (_STORE[12:], _ECHO[12:], _RESPONSE[12:])),
    Target(data_head, (b"\0" + _HEAD, b"\5" + _HEAD, b"\1" + _IMPLICIT_HEAD)),
    Target(deflated_head, (b"\0" + _deflated(_HEAD), b"\2" + _deflated(bytes(1 << 20)))),
    Target(commitment_request, (commitment_data_set("1.2.3"),)),
)
