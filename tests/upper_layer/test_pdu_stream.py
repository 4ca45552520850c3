from __future__ import annotations

import pytest

from appliance.upper_layer.pdu import ProtocolFault
from appliance.upper_layer.pdu_stream import PduStream, Token
from tests.upper_layer.wire import CUTS, Cut, pdu, pdv


def tokens(stream: PduStream, data: bytes, cut: Cut) -> list[object]:
    """What a consumer sees that walks P-DATA-TF, collects type 1 and skips all else; fragments joined by PDV."""
    seen: list[object] = []
    for piece in cut(data):
        stream.feed(memoryview(piece))
        while (token := stream.next()) is not Token.MORE:
            if token is Token.PDU:
                seen.append(("pdu", stream.pdu_type, stream.pdu_length))
                if stream.pdu_type == 4:
                    stream.walk()
                elif stream.pdu_type == 1:
                    stream.collect()
            elif token is Token.BODY:
                seen.append(("body", stream.body))
            elif token is Token.PDV:
                seen.append(("pdv", stream.context_id, stream.flags, b"", False))
            else:
                kind, context_id, flags, data_so_far, _ = seen[-1]  # type: ignore[misc]
                seen[-1] = (kind, context_id, flags, data_so_far + bytes(stream.fragment), not stream.pdv_left)
        stream.let_go()
    return seen


@pytest.mark.parametrize("cut", CUTS)
def test_cuts_do_not_matter(cut: Cut) -> None:
    data = (
        pdu(1, b"all of this is wanted")
        + pdu(4, pdv(1, 3, b"command") + pdv(3, 0, b"") + pdv(5, 2, b"data"))
        + pdu(9, b"not of this")
        + pdu(9, b"")
        + pdu(4, pdv(255, 255, b"x" * 100))
    )
    stream = PduStream()
    assert tokens(stream, data, cut) == [
        ("pdu", 1, 21),
        ("body", b"all of this is wanted"),
        ("pdu", 4, 29),
        ("pdv", 1, 3, b"command", True),
        ("pdv", 3, 0, b"", True),
        ("pdv", 5, 2, b"data", True),
        ("pdu", 9, 11),
        ("pdu", 9, 0),
        ("pdu", 4, 106),
        ("pdv", 255, 255, b"x" * 100, True),
    ]
    assert not stream.inside_pdu
    assert stream.held == 0


def test_fragments_are_views_into_the_callers_buffer() -> None:
    buffer = bytearray(pdu(4, pdv(1, 0, b"payload")))
    stream = PduStream()
    stream.feed(memoryview(buffer))
    assert stream.next() is Token.PDU
    stream.walk()
    assert stream.next() is Token.PDV
    assert stream.next() is Token.FRAGMENT
    buffer[12:19] = b"PAYLOAD"
    assert bytes(stream.fragment) == b"PAYLOAD"


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (bytes.fromhex("00000000 01 03"), "length 0"),
        (bytes.fromhex("00000001 01 03"), "length 1"),
        (bytes.fromhex("00000003 01 03"), "1 bytes beyond"),
        (bytes.fromhex("FFFFFFFF 01 03") + bytes(10), "beyond its PDU"),
        (pdv(1, 3, b"x") + b"12345", "5 bytes where a PDV header belongs"),
    ],
)
def test_pdvs_that_do_not_fit_into_their_pdu(body: bytes, message: str, cut: Cut) -> None:
    with pytest.raises(ProtocolFault, match=message):
        tokens(PduStream(), pdu(4, body), cut)


@pytest.mark.parametrize("at", range(1, 30))
def test_the_rest_of_a_pdu_can_be_dropped_anywhere(at: int) -> None:
    data = pdu(4, pdv(1, 0, b"12345") + pdv(1, 2, b"67"))
    assert len(data) > 23
    stream = PduStream()
    tokens(stream, data[:at], CUTS[1])
    stream.skip()
    assert stream.held < 6
    assert tokens(stream, data[at:] + pdu(1, b"next"), CUTS[1])[-1] == ("body", b"next")


@pytest.mark.parametrize("at", range(6, 10))
def test_a_body_that_is_no_longer_wanted_is_let_go(at: int) -> None:
    data = pdu(1, b"1234")
    stream = PduStream()
    tokens(stream, data[:at], CUTS[0])
    stream.skip()
    assert stream.held == 0
    assert tokens(stream, data[at:] + pdu(1, b"next"), CUTS[0])[-1] == ("body", b"next")


def test_what_is_due_is_the_rest_of_the_p_data_and_nothing_else() -> None:
    pdv = bytes.fromhex("0000000c 01 02") + bytes(10)
    data = b"\x04\x00" + (2 * len(pdv)).to_bytes(4, "big") + 2 * pdv
    stream = PduStream()
    dues = []
    for at in range(len(data)):
        stream.feed(memoryview(data)[at : at + 1])
        while (token := stream.next()) is not Token.MORE:
            if token is Token.PDU:
                stream.walk()
        dues.append(stream.due)
    assert dues[5:] == list(range(2 * len(pdv), -1, -1))
    assert set(dues[:5]) == {0}
