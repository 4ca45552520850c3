"""The invariants: the engine yields events or one `PeerFault`, never raises, never holds more than its caps, and how
the bytes were cut does not matter; the decoders return a value or raise `ProtocolFault`."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.base import limits
from appliance.upper_layer.associate import decode_accept, decode_request, encode_accept, encode_request
from appliance.upper_layer.association import (
    Association,
    AssociationRequested,
    Awaiting,
    CommandReceived,
    Event,
    PeerFault,
    ReleaseRequested,
)
from appliance.upper_layer.command import CommandField, c_echo_rq, c_store_rq, decode_command, response
from appliance.upper_layer.data_head import DataHead, HeadParser
from appliance.upper_layer.pdu import ProtocolFault
from appliance.upper_layer.table import State
from tests.upper_layer.wire import (
    ACCEPT,
    CT,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    REQUEST,
    accept_all,
    command_pdu,
    pdu,
    pdv,
    take,
)

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
RQ = encode_request(REQUEST)
STORE = command_pdu(1, c_store_rq(7, CT, "1.2.3"), True)
ECHO = command_pdu(3, c_echo_rq(7))
CAP = limits.ASSOCIATE_PDU.default + limits.COMMAND_SET.default + 12


def accept_pdu() -> bytes:
    acceptor = Association.acceptor()
    take(acceptor, RQ)
    assert acceptor.request
    return encode_accept(ACCEPT, acceptor.request)


AC = accept_pdu()

pieces = st.one_of(
    st.sampled_from(
        [RQ, AC, STORE, ECHO, pdu(3), pdu(5), pdu(6), pdu(7), pdu(4, pdv(1, 0, b"data")), pdu(4, pdv(1, 2, b""))]
    ),
    st.builds(pdu, st.integers(0, 255), st.binary(max_size=90)),
    st.builds(
        lambda *pdvs: pdu(4, b"".join(pdvs)),
        st.builds(pdv, st.sampled_from([0, 1, 2, 3, 5, 255]), st.integers(0, 255), st.binary(max_size=20)),
        st.builds(pdv, st.sampled_from([1, 3]), st.integers(0, 3), st.binary(max_size=20)),
    ),
    st.builds(lambda kind, length: struct.pack(">BxL", kind, length), st.integers(0, 8), st.integers(0, 0xFFFFFFFF)),
    st.binary(max_size=40),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Mostly sensible PDUs, some of them with bytes changed."""
    data = bytearray(b"".join(draw(st.lists(pieces, max_size=8))))
    if data:
        for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=3)):
            data[at] = draw(st.integers(0, 255))
    return bytes(data)


def answering(association: Association, event: Event) -> None:
    """A shell that answers whatever it can."""
    assert association.held <= CAP
    if isinstance(event, AssociationRequested):
        association.accept(accept_all(event.request))
    elif isinstance(event, CommandReceived) and not event.command.is_response and association.can_send:
        if event.command.command_field != CommandField.C_CANCEL_RQ:
            association.send_command(event.context_id, response(event.command, 0), False)
    elif isinstance(event, ReleaseRequested) and association.awaiting is Awaiting.RELEASE_RESPONSE:
        association.release_reply()


def start(role: str) -> Association:
    if role == "acceptor":
        return Association.acceptor()
    association = Association.requestor(REQUEST)
    association.associate_request()
    if role == "established":
        take(association, AC)
    elif role == "releasing":
        take(association, AC)
        association.release()
    return association


@FUZZ
@given(
    role=st.sampled_from(["acceptor", "requestor", "established", "releasing"]),
    begin=st.booleans(),
    data=streams(),
    cuts=st.lists(st.integers(1, 200), max_size=20),
)
def test_any_stream_cut_anyhow(role: str, begin: bool, data: bytes, cuts: list[int]) -> None:
    if begin and role == "acceptor":
        data = RQ + data

    def cut(stream: bytes) -> list[bytes]:
        parts, at = [], 0
        for size in cuts:
            parts.append(stream[at : at + size])
            at += size
        return [*parts, stream[at:]]

    whole = start(role)
    expected = take(whole, data, lambda stream: [stream], answering)
    in_parts = start(role)
    assert take(in_parts, data, cut, answering) == expected
    assert in_parts.state is whole.state
    assert in_parts.held == whole.held <= CAP
    faults = [event for event in expected if isinstance(event, PeerFault)]
    assert len(faults) <= 1
    assert all(fault.reply[0] in (3, 7) and len(fault.reply) == 10 for fault in faults)
    assert whole.state is not State.STA4
    whole.connection_lost()
    assert whole.awaiting is Awaiting.CLOSED
    assert take(whole, data) == []


def mutated(*seeds: bytes) -> st.SearchStrategy[bytes]:
    @st.composite
    def change(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(st.sampled_from(seeds)))
        for at in draw(st.lists(st.integers(0, len(data) - 1), max_size=6)):
            data[at] = draw(st.integers(0, 255))
        return bytes(data[: draw(st.integers(0, len(data)))]) + draw(st.binary(max_size=8))

    return st.one_of(change(), st.binary(max_size=300))


def value_or_fault(decode: Any, *arguments: Any) -> Any:
    try:
        return decode(*arguments)
    except ProtocolFault as fault:
        assert fault.message
        return None


@FUZZ
@given(mutated(RQ[6:], AC[6:]))
def test_associate_bodies(data: bytes) -> None:
    request = value_or_fault(decode_request, data)
    value_or_fault(decode_accept, data, REQUEST)
    if request:
        assert len(request.called_ae_raw) == len(request.calling_ae_raw) == 16
        assert all(context.context_id % 2 for context in request.contexts)
        encode_accept(accept_all(request), request)


@FUZZ
@given(mutated(STORE[12:], ECHO[12:]))
def test_command_sets(data: bytes) -> None:
    command = value_or_fault(decode_command, data)
    if command and command.message_id is not None:
        assert decode_command(response(command, 0xC000).encode(False)).status == 0xC000


HEADS = [
    bytes.fromhex(
        "08001600 55490400 312e3200 08001800 55490400 312e3300"
        "08001511 53510000 ffffffff feff00e0 ffffffff feff0de0 00000000 feffdde0 00000000"
        "20000d00 55490400 312e3400 20000e00 55490400 312e3500"
    ),
    bytes.fromhex("08001600 04000000 312e3200 20000e00 04000000 312e3500"),
]
deflate = zlib.compressobj(wbits=-15)
HEADS.append(deflate.compress(HEADS[0]) + deflate.flush())


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED, "1.2.840.10008.1.2.2"])
@FUZZ
@given(data=mutated(*HEADS), size=st.integers(1, 50))
def test_data_set_heads(syntax: str, data: bytes, size: int) -> None:
    whole, in_parts = HeadParser(syntax), HeadParser(syntax)
    whole.feed(data)
    for at in range(0, len(data), size):
        in_parts.feed(memoryview(data)[at : at + size])
    head = whole.result()
    assert isinstance(head, DataHead)
    assert in_parts.result() == head
    assert len(whole._head) <= limits.DATASET_HEAD.default
