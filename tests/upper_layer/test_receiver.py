"""What peers must not do, each input whole, byte by byte, in sevens, and with junk behind it: one fault, one reply."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer.associate import encode_request
from appliance.upper_layer.association import Association, Awaiting, PeerFault
from appliance.upper_layer.command import CommandField, c_echo_rq, c_store_rq
from tests.upper_layer.wire import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    ACCEPT,
    APPLICATION_ITEM,
    CT,
    CUTS,
    REQUEST,
    USER_ITEM,
    Cut,
    abort,
    associate_pdu,
    command_pdu,
    context_item,
    element,
    item,
    pair,
    pdu,
    pdv,
    take,
)

STORE = c_store_rq(1, CT, "1.2.3.4")
ECHO = c_echo_rq(1)
RQ = encode_request(REQUEST)
UNRECOGNIZED, UNEXPECTED_PDU, UNEXPECTED_PARAMETER, INVALID = 1, 2, 5, 6


def waiting() -> Association:
    return Association.acceptor()


def deciding() -> Association:
    association = Association.acceptor()
    take(association, RQ)
    return association


def requesting() -> Association:
    association = Association.requestor(REQUEST)
    association.associate_request()
    return association


def established() -> Association:
    return pair()[1]


def storing() -> Association:
    """Established, with a C-STORE-RQ received whose data set is under way."""
    association = established()
    take(association, command_pdu(1, STORE, True) + pdu(4, pdv(1, 0, b"data")))
    return association


def released() -> Association:
    association = established()
    take(association, A_RELEASE_RQ)
    return association


HEADERS = [
    # who, what it sends, the abort that it gets
    (waiting, pdu(0x16, b"\3\1"), (0, 0), "speaks TLS"),
    (waiting, b"GET / HTTP/1.1\r\n\r\n", (0, 0), "PDU type 47H"),
    (waiting, pdu(0, b""), (0, 0), "PDU type 00H"),
    (waiting, pdu(2, bytes(68)), (0, 0), "A-ASSOCIATE-AC in Sta2"),
    (waiting, pdu(3), (0, 0), "A-ASSOCIATE-RJ in Sta2"),
    (waiting, pdu(4, bytes(6)), (0, 0), "P-DATA-TF in Sta2"),
    (waiting, A_RELEASE_RQ, (0, 0), "A-RELEASE-RQ in Sta2"),
    (waiting, bytes.fromhex("01 00 00000000"), (0, 0), "A-ASSOCIATE-RQ of 0 bytes"),
    (waiting, bytes.fromhex("01 00 00000001"), (0, 0), "A-ASSOCIATE-RQ of 1 bytes"),
    (waiting, bytes.fromhex("01 00 00000043"), (0, 0), "A-ASSOCIATE-RQ of 67 bytes"),
    (waiting, bytes.fromhex("01 00 00100001"), (0, 0), "A-ASSOCIATE-RQ of 1048577 bytes"),
    (waiting, bytes.fromhex("01 00 FFFFFFFF"), (0, 0), "A-ASSOCIATE-RQ of 4294967295 bytes"),
    (deciding, RQ, (2, UNEXPECTED_PDU), "A-ASSOCIATE-RQ in Sta3"),
    (deciding, command_pdu(3, ECHO), (2, UNEXPECTED_PDU), "P-DATA-TF in Sta3"),
    (requesting, RQ, (2, UNEXPECTED_PDU), "A-ASSOCIATE-RQ in Sta5"),
    (requesting, command_pdu(3, ECHO), (2, UNEXPECTED_PDU), "P-DATA-TF in Sta5"),
    (requesting, bytes.fromhex("02 00 FFFFFFFF"), (2, INVALID), "A-ASSOCIATE-AC of 4294967295 bytes"),
    (requesting, bytes.fromhex("03 00 00000005"), (2, INVALID), "A-ASSOCIATE-RJ of 5 bytes"),
    (established, RQ, (2, UNEXPECTED_PDU), "A-ASSOCIATE-RQ in Sta6"),
    (established, pdu(2, bytes(68)), (2, UNEXPECTED_PDU), "A-ASSOCIATE-AC in Sta6"),
    (established, A_RELEASE_RP, (2, UNEXPECTED_PDU), "A-RELEASE-RP in Sta6"),
    (established, pdu(8), (2, UNRECOGNIZED), "PDU type 08H"),
    (established, pdu(0xFF), (2, UNRECOGNIZED), "PDU type FFH"),
    (established, bytes.fromhex("04 00 FFFFFFFF"), (2, INVALID), "P-DATA-TF of 4294967295 bytes"),
    (established, bytes.fromhex("04 00 00020001"), (2, INVALID), "P-DATA-TF of 131073 bytes"),
    (established, bytes.fromhex("04 00 00000000"), (2, INVALID), "P-DATA-TF of 0 bytes"),
    (established, bytes.fromhex("04 00 00000005"), (2, INVALID), "P-DATA-TF of 5 bytes"),
    (established, bytes.fromhex("05 00 00000000"), (2, INVALID), "A-RELEASE-RQ of 0 bytes"),
    (established, bytes.fromhex("05 00 FFFFFFFF"), (2, INVALID), "A-RELEASE-RQ of 4294967295 bytes"),
    (established, bytes.fromhex("07 00 00000005"), (2, INVALID), "A-ABORT of 5 bytes"),
    (storing, RQ, (2, UNEXPECTED_PDU), "A-ASSOCIATE-RQ in Sta6"),
    (storing, pdu(2, bytes(68)), (2, UNEXPECTED_PDU), "A-ASSOCIATE-AC in Sta6"),
    (released, command_pdu(3, ECHO), (2, UNEXPECTED_PDU), "P-DATA-TF in Sta8"),
    (released, A_RELEASE_RQ, (2, UNEXPECTED_PDU), "A-RELEASE-RQ in Sta8"),
]

BODIES = [
    (waiting, associate_pdu(context_item(2)), (0, 0), "context id 2 is even"),
    (waiting, associate_pdu(context_item(1), context_item(1)), (0, 0), "context id 1 is used twice"),
    (waiting, associate_pdu(b"\x20\0\xff\xff"), (0, 0), "longer than what holds it"),
    (waiting, associate_pdu(item(0x50, item(0x51, b"\0\0\0\1"))), (0, 0), "lets no message through"),
    (requesting, associate_pdu(item(0x21, b"\7\0\3\0"), kind=2), (2, INVALID), "was not proposed"),
    (
        requesting,
        associate_pdu(APPLICATION_ITEM, APPLICATION_ITEM, kind=2),
        (2, UNEXPECTED_PARAMETER),
        "two application",
    ),
    (established, pdu(4, bytes.fromhex("00000000 01 03")), (2, INVALID), "PDV of length 0"),
    (established, pdu(4, bytes.fromhex("00000001 01 03")), (2, INVALID), "PDV of length 1"),
    (established, pdu(4, bytes.fromhex("00000004 01 03") + b"x"), (2, INVALID), "1 bytes beyond its PDU"),
    (established, pdu(4, bytes.fromhex("FFFFFFFF 01 03") + b"x"), (2, INVALID), "beyond its PDU"),
    (established, pdu(4, pdv(1, 3, b"") + b"x"), (2, INVALID), "command set without"),
    (established, pdu(4, pdv(3, 1, b"") + b"x"), (2, INVALID), "1 bytes where a PDV header belongs"),
    (established, pdu(4, pdv(5, 3, b"x")), (2, INVALID), "context 5, which is not accepted"),
    (established, pdu(4, pdv(2, 3, b"x")), (2, INVALID), "context 2, which is not accepted"),
    (established, pdu(4, pdv(0, 3, b"x")), (2, INVALID), "context 0, which is not accepted"),
    (established, pdu(4, pdv(1, 2, b"x")), (2, UNEXPECTED_PARAMETER), "a data PDV"),
    (established, pdu(4, pdv(1, 1, b"xx")) + pdu(4, pdv(1, 2, b"x")), (2, UNEXPECTED_PARAMETER), "a data PDV"),
    (established, pdu(4, pdv(1, 1, b"xx")) + pdu(4, pdv(3, 1, b"x")), (2, UNEXPECTED_PARAMETER), "in a message of"),
    (established, pdu(4, pdv(1, 3, b"\0")), (2, INVALID), "ends in the header"),
    (established, pdu(4, pdv(1, 3, element(0x00080018, b"1.2\0"))), (2, INVALID), "group 0008"),
    (established, pdu(4, pdv(1, 3, bytes.fromhex("00000002 FFFFFFFF"))), (2, INVALID), "beyond its command set"),
    (
        established,
        command_pdu(1, replace(ECHO, message_id=None)),
        (2, INVALID),
        "without message_id",
    ),
    (
        established,
        command_pdu(1, replace(STORE, command_field=CommandField.C_STORE_RSP, message_id_responded_to=1)),
        (2, INVALID),
        "without status",
    ),
    (storing, command_pdu(1, ECHO), (2, UNEXPECTED_PARAMETER), "a command PDV where the data set goes on"),
    (storing, command_pdu(3, ECHO), (2, UNEXPECTED_PARAMETER), "in a message of context 1"),
    (storing, pdu(4, pdv(3, 2, b"x")), (2, UNEXPECTED_PARAMETER), "in a message of context 1"),
    (storing, pdu(4, pdv(1, 2, b"x") + pdv(1, 2, b"y")), (2, UNEXPECTED_PARAMETER), "a data PDV"),
]


@pytest.mark.parametrize("junk", [b"", RQ, b"\xff" * 1000])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("who", "data", "reply", "why"), HEADERS + BODIES)
def test_a_fault_is_answered_once_and_poisons(
    who: Callable[[], Association], data: bytes, reply: tuple[int, int], why: str, cut: Cut, junk: bytes
) -> None:
    association = who()
    faults = [event for event in take(association, data + junk, cut) if not isinstance(event, tuple)]
    assert [type(event) for event in faults] == [PeerFault]
    assert why in faults[0].reason
    assert faults[0].reply == abort(*reply)
    assert association.held == 0
    assert not association.inside_message
    assert association.awaiting is Awaiting.CLOSE
    assert association.abort() == b""
    with pytest.raises(LocalError):
        association.send_command(1, ECHO, False)
    assert take(association, A_ABORT + RQ) == []
    association.connection_lost()
    assert association.awaiting is Awaiting.CLOSED


@pytest.mark.parametrize(("who", "data", "reply", "why"), HEADERS)
def test_a_pdu_is_judged_by_its_header(
    who: Callable[[], Association], data: bytes, reply: tuple[int, int], why: str
) -> None:
    association = who()
    assert take(association, data[:5]) == []
    assert [type(event) for event in take(association, data[5:6])] == [PeerFault]


def test_after_our_reject_a_request_or_junk_is_aborted_once_more() -> None:
    for data, reason in ((RQ, UNEXPECTED_PDU), (pdu(0x99), UNRECOGNIZED)):
        association = deciding()
        association.reject(1, 1, 1)
        (fault,) = take(association, A_RELEASE_RQ + data + data)  # AA-6, AA-7
        assert fault.reply == abort(2, reason)


def test_a_fault_in_the_middle_keeps_what_was_before_it() -> None:
    association = established()
    events = take(association, command_pdu(3, ECHO) + command_pdu(3, ECHO) + pdu(0x99) + command_pdu(3, ECHO))
    assert [type(event).__name__ for event in events] == ["CommandReceived", "CommandReceived", "PeerFault"]


def test_a_command_set_without_end_is_capped() -> None:
    association = established()
    piece = pdu(4, pdv(1, 1, bytes(4096)))
    sent = 0
    while not (events := take(association, piece)):
        sent += 4096
        assert association.held == sent
    assert sent == limits.COMMAND_SET.default
    assert "more than 65536 bytes" in events[0].reason


def test_an_announced_request_is_not_allocated() -> None:
    association = Association.acceptor()
    take(association, bytes.fromhex("01 00 00100000") + bytes(100))
    assert association.held == 100


def test_a_p_data_tf_is_never_held() -> None:
    association = storing()
    header = pdu(4, pdv(1, 0, bytes(131066)))
    for at in range(0, len(header), 1000):
        take(association, header[at : at + 1000])
        assert association.held < 12


def test_without_a_maximum_any_length_passes() -> None:
    acceptor = Association.acceptor(max_pdu=0)
    take(acceptor, RQ)
    acceptor.accept(ACCEPT)
    take(acceptor, command_pdu(1, STORE, True))
    events = take(acceptor, bytes.fromhex("04 00 FFFFFFFF FFFFFFFB 01 02") + bytes(1000))
    assert events == [("data", 1, bytes(1000), False)]


def test_a_reason_holds_nothing_that_the_peer_wrote() -> None:
    association = established()
    name = b"DOE^JANE\0\0"
    (fault,) = take(association, pdu(4, pdv(1, 3, element(0x1000, name) + element(0x1000, name))))
    assert "DOE" not in fault.reason
    association = Association.acceptor()
    (fault,) = take(association, associate_pdu(context_item(1, "DOE^JANE"), context_item(1, "DOE^JANE"), USER_ITEM))
    assert "DOE" not in fault.reason


def test_random_bytes_never_do_more_than_fault() -> None:
    rng = random.Random(4)
    for _ in range(300):
        association = rng.choice([waiting, requesting, established, storing])()
        for _ in range(5):
            take(association, rng.randbytes(rng.randrange(200)))
        assert association.held <= limits.ASSOCIATE_PDU.default
