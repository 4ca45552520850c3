from __future__ import annotations

import pytest

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer.command import c_echo_rq, c_store_rq
from appliance.upper_layer.message_writer import MessageWriter
from appliance.upper_layer.negotiation import AcceptedContext, Negotiated
from tests.upper_layer.wire import CT, EXPLICIT, pdu, pdv

STORE = c_store_rq(1, CT, "1.2.3")


def writer(peer_max_pdu: int = 0) -> MessageWriter:
    return MessageWriter(Negotiated({1: AcceptedContext(1, CT, EXPLICIT)}, peer_max_pdu))


def storing(peer_max_pdu: int = 0) -> MessageWriter:
    messages = writer(peer_max_pdu)
    messages.command(1, STORE, True)
    return messages


def test_a_command_is_one_pdu_of_one_pdv() -> None:
    assert writer().command(1, STORE, True) == pdu(4, pdv(1, 3, STORE.encode(True)))


def test_a_command_for_a_peer_with_little_room() -> None:
    encoded = STORE.encode(False)
    pieces = [encoded[at : at + 10] for at in range(0, len(encoded), 10)]
    expected = [pdu(4, pdv(1, 1, piece)) for piece in pieces[:-1]] + [pdu(4, pdv(1, 3, pieces[-1]))]
    for room in (16, 17):  # an odd maximum leaves a byte unused
        assert writer(room).command(1, STORE, False) == b"".join(expected)


@pytest.mark.parametrize("room", [8, 9, 100, 4096, 16384, 131072, 1 << 20, 0])
def test_no_pdu_is_larger_than_the_peer_takes(room: int) -> None:
    data = bytes(range(256)) * 20
    pdus = list(storing(room).data(1, data, True))
    most = min(room or 1 << 30, limits.MAX_PDU_SEND.default)
    assert max(len(each) for each in pdus) <= 6 + most
    assert b"".join(each[12:] for each in pdus) == data
    assert [each[11] for each in pdus] == [0] * (len(pdus) - 1) + [2]
    assert all(len(each) % 2 == 0 for each in pdus)


def test_chunks_of_odd_length_give_even_fragments() -> None:
    messages = storing(16)
    pdus = [
        each
        for chunk, last in (
            (b"12345", False),
            (b"", False),
            (b"6", False),
            (b"7", False),
            (b"890ab", False),
            (b"cd", True),
        )
        for each in messages.data(1, chunk, last)
    ]
    assert [each[12:] for each in pdus] == [b"1234", b"56", b"7890ab", b"cd"]


def test_a_data_set_of_odd_length_is_sent_as_it_is() -> None:
    messages = storing()
    pdus = [*messages.data(1, b"123", False), *messages.data(1, b"", True)]
    assert [(each[11], each[12:]) for each in pdus] == [(0, b"12"), (2, b"3")]


def test_an_empty_chunk_ends_a_data_set() -> None:
    messages = storing()
    assert list(messages.data(1, b"", False)) == []
    assert list(messages.data(1, b"", True)) == [pdu(4, pdv(1, 2, b""))]
    assert not messages.inside_message


def test_views_are_sent_without_a_copy_of_the_caller() -> None:
    chunk = bytearray(b"abcdef")
    (sent,) = storing().data(1, memoryview(chunk)[2:], True)
    assert sent[12:] == b"cdef"


def test_the_order_of_a_message_is_kept() -> None:
    messages = writer()
    with pytest.raises(LocalError):
        messages.data(1, b"", True)
    messages.command(1, c_echo_rq(1), False)
    with pytest.raises(LocalError):
        messages.data(1, b"", True)
    messages.command(1, STORE, True)
    with pytest.raises(LocalError):
        messages.command(1, c_echo_rq(1), False)
    with pytest.raises(LocalError):
        messages.data(3, b"", True)
    messages.data(1, b"x", True)
    with pytest.raises(LocalError):
        messages.data(1, b"", True)
    assert not messages.inside_message


def test_a_context_that_is_not_accepted() -> None:
    with pytest.raises(LocalError):
        writer().command(3, STORE, True)
