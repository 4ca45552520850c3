"""What is fuzzed: parsers of bytes that a stranger chose. Each target takes bytes and raises when its invariant breaks.

The first sentence of a target's docstring is its invariant. What a parser may raise is caught here; anything else that
comes out, an AssertionError of ours included, is a finding.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from appliance.base import limits
from appliance.base.errors import ApplianceError, PeerError
from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.seal.errors import SealError
from appliance.seal.header import read_header
from appliance.seal.opening import Opening, open_record
from appliance.upper_layer import association as upper
from appliance.upper_layer import commitment
from appliance.upper_layer.associate import decode_accept, decode_request, encode_accept, encode_request
from appliance.upper_layer.command import CommandField, c_echo_rq, c_store_rq, decode_command, response
from appliance.upper_layer.data_head import DataHead, HeadParser
from appliance.upper_layer.pdu import ProtocolFault
from tests.config.files import VALID
from tests.seal import objects
from tests.upper_layer import wire

PDU_CAP = limits.ASSOCIATE_PDU.default + limits.COMMAND_SET.default + 12  # bytes: one control PDU, one command set
HEADER_CAP = limits.SEALED_HEADER.default


@dataclass(frozen=True, slots=True)
class Target:
    """A parser with its invariant, and inputs that it knows what to do with."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return self.run.__name__


def cut(data: bytes) -> Iterator[bytes]:
    """Pieces of `data[1:]`, of a size that the first byte says."""
    size = data[0] % 97 if data else 0
    rest = data[1:]
    yield from (rest[at : at + size] for at in range(0, len(rest), size)) if size else (rest,)


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
    """The data set of an N-ACTION gives UIDs, no more than may be asked for, or raises PeerError."""
    for syntax in commitment.TRANSFER_SYNTAXES:
        try:
            _, references = commitment.decode_request(data, syntax)
        except PeerError:
            continue
        assert 0 < len(references) <= limits.COMMITMENT_INSTANCES.default


class _Counted(io.BytesIO):
    """A file that knows how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return data

    def readline(self, size: int | None = -1, /) -> bytes:
        data = super().readline(size)
        self.furthest = max(self.furthest, self.tell())
        return data


def sealed_header(data: bytes) -> None:
    """The header of a sealed object, and its record, come to a value or raise an error of ours; no more than the cap is
    read for it."""
    file = _Counted(data)
    try:
        header = read_header(file)
        assert header.size <= HEADER_CAP
        open_record(header, objects.INDEX_KEY)
    except ApplianceError:
        pass
    assert file.furthest <= HEADER_CAP + 1


def sealed_object(data: bytes) -> None:
    """Whatever the object became, what comes out of it is the beginning of what was sealed, and the whole of it only if
    it says so."""
    out = bytearray()
    try:
        opening = Opening(io.BytesIO(data), [objects.CLASSICAL])
        for chunk in opening:
            out += chunk
        assert opening.whole and bytes(out) == PLAINTEXT
    except SealError:
        assert PLAINTEXT.startswith(out)


def configuration(data: bytes) -> None:
    """A configuration file gives a configuration, or ConfigErrors with a sentence for each mistake."""
    try:
        parse_config(data)
    except ConfigErrors as error:
        assert str(error)


RQ = encode_request(wire.REQUEST)
_STORE = wire.command_pdu(1, c_store_rq(7, wire.CT, "1.2.3"), True)
_ECHO = wire.command_pdu(3, c_echo_rq(7))
_DATA = wire.pdu(4, wire.pdv(1, 0, b"data")) + wire.pdu(4, wire.pdv(1, 2, b""))
_MIXED = wire.pdu(4, wire.pdv(1, 1, _STORE[12:40]) + wire.pdv(1, 3, _STORE[40:]))
PLAINTEXT = bytes(range(256)) * 600
SEALED = objects.sealed(PLAINTEXT, random=objects.drawn("fuzz"))


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


TARGETS = (
    Target(acceptor, (b"\0" + RQ + _STORE + _DATA, b"\7" + RQ + _ECHO + wire.pdu(5), b"\1" + RQ + _MIXED)),
    Target(
        requestor, (b"\0" + accept() + _ECHO, b"\5" + accept() + wire.pdu(6), b"\0" + wire.pdu(3), b"\0" + wire.pdu(7))
    ),
    Target(established, (b"\0" + _STORE + _DATA, b"\3" + _MIXED + _DATA + _ECHO, b"\0" + wire.pdu(5))),
    Target(associate, (RQ[6:], accept()[6:])),
    Target(command_set, (_STORE[12:], _ECHO[12:])),
    Target(data_head, (b"\0" + _HEAD, b"\5" + _HEAD, b"\1" + _IMPLICIT_HEAD)),
    Target(deflated_head, (b"\0" + _deflated(_HEAD), b"\2" + _deflated(bytes(1 << 20)))),
    Target(commitment_request, (commitment_data_set("1.2.3"),)),
    Target(sealed_header, (SEALED[: -len(PLAINTEXT)],)),
    Target(sealed_object, (SEALED,)),
    Target(configuration, (VALID.encode(), b"[appliance]\nae_title = 'A'\n[vault]\nrecipients = ['age1x']\n")),
)
