from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.upper_layer.command import (
    NO_DATA_SET,
    CommandField,
    CommandSet,
    c_echo_rq,
    c_echo_rsp,
    c_store_rq,
    c_store_rsp,
    decode_command,
    response,
)
from appliance.upper_layer.pdu import ProtocolFault
from tests.upper_layer.wire import CT, element

FIELD = element(0x0100, b"\x01\x00")
MESSAGE_ID = element(0x0110, b"\x07\x00")
DATA_SET = element(0x0800, b"\x01\x00")
NO_DATA = element(0x0800, b"\x01\x01")


def test_a_c_echo_on_the_wire() -> None:
    assert c_echo_rq(7).encode(False).hex(" ", 4) == (
        "00000000 04000000 38000000 "
        "00000200 12000000 312e322e 3834302e 31303030 382e312e 31000000 "
        "00010200 00003000 00001001 02000000 07000000 00080200 00000101"
    )


def test_a_c_store_there_and_back() -> None:
    request = c_store_rq(7, CT, "1.2.3", priority=2, move_originator_ae="MOVER", move_originator_message_id=9)
    received = decode_command(request.encode(True))
    assert received == replace(request, data_set_type=1)
    assert received.data_set_follows
    assert received.name == "C-STORE-RQ"
    assert not received.is_response


def test_a_c_store_answered() -> None:
    request = c_store_rq(7, CT, "1.2.3")
    answer = decode_command(c_store_rsp(request, 0xA700, error_comment="Out of storage").encode(False))
    assert answer == CommandSet(
        command_field=CommandField.C_STORE_RSP,
        message_id_responded_to=7,
        affected_sop_class=CT,
        affected_sop_instance="1.2.3",
        status=0xA700,
        error_comment="Out of storage",
        data_set_type=NO_DATA_SET,
    )
    assert answer.is_response


def test_a_c_echo_answered() -> None:
    answer = decode_command(c_echo_rsp(c_echo_rq(1)).encode(False))
    assert (answer.name, answer.status, answer.message_id_responded_to) == ("C-ECHO-RSP", 0, 1)


def test_an_unknown_operation_can_be_answered() -> None:
    command = decode_command(element(0x0100, b"\x77\x00") + MESSAGE_ID + NO_DATA)
    assert command.name == "command 0077H"
    answer = decode_command(response(command, 0x0211, error_comment="Not served").encode(False))
    assert (answer.command_field, answer.message_id_responded_to, answer.status) == (0x8077, 7, 0x0211)


def test_an_n_action_is_answered_with_what_it_named() -> None:
    request = CommandSet(
        command_field=CommandField.N_ACTION_RQ,
        message_id=3,
        requested_sop_class="1.2.840.10008.1.20.1",
        requested_sop_instance="1.2.840.10008.1.20.1.1",
        action_type=1,
    )
    answer = response(decode_command(request.encode(True)), 0)
    assert answer.name == "N-ACTION-RSP"
    assert answer.affected_sop_class == "1.2.840.10008.1.20.1"
    assert answer.affected_sop_instance == "1.2.840.10008.1.20.1.1"
    assert answer.action_type == 1


@pytest.mark.parametrize(("data_set_type", "follows"), [(0x0101, False), (0, True), (1, True), (0x0102, True)])
def test_every_data_set_type_but_one_promises_a_data_set(data_set_type: int, follows: bool) -> None:
    command = decode_command(FIELD + MESSAGE_ID + element(0x0800, data_set_type.to_bytes(2, "little")))
    assert command.data_set_follows is follows


def test_order_group_length_and_unknown_elements_do_not_matter() -> None:
    data = (
        NO_DATA
        + element(0x5010, b"retired")
        + MESSAGE_ID
        + element(0x0000, b"\xff\xff\xff\xff")
        + FIELD
        + element(0x0700, b"")
    )
    command = decode_command(data)
    assert command == CommandSet(command_field=1, message_id=7, data_set_type=NO_DATA_SET)


def test_what_a_request_lacks_is_said() -> None:
    command = decode_command(FIELD + MESSAGE_ID + DATA_SET)
    assert command.missing == ("affected_sop_class", "affected_sop_instance")
    assert c_store_rq(1, CT, "1.2").missing == ()
    assert c_echo_rq(1).missing == ()
    assert response(c_echo_rq(1), 0).missing == ()


@pytest.mark.parametrize("uid", [b"../../x\0", b"/etc/passwd\0", b"1.2\x003.4", b"..", b".", b"1." * 33])
def test_an_instance_uid_that_is_none(uid: bytes) -> None:
    command = decode_command(
        element(0x0002, CT.encode() + b"\0") + FIELD + MESSAGE_ID + DATA_SET + element(0x1000, uid)
    )
    assert command.affected_sop_instance is None
    assert command.invalid == ("affected_sop_instance",)
    assert command.missing == ("affected_sop_instance",)
    assert c_store_rsp(command, 0x0117).affected_sop_instance is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "without command_field"),
        (FIELD + MESSAGE_ID, "without data_set_type"),
        (MESSAGE_ID + DATA_SET, "without command_field"),
        (FIELD + DATA_SET, "without message_id"),
        (FIELD + element(0x0110, b"") + DATA_SET, "without message_id"),
        (element(0x0100, b"\xff\x0f") + MESSAGE_ID + NO_DATA, "without message_id_responded_to"),
        (element(0x0100, b"\x01\x80") + element(0x0900, bytes(2)) + NO_DATA, "without message_id_responded_to"),
        (element(0x0100, b"\x01\x80") + element(0x0120, bytes(2)) + NO_DATA, "without status"),
        (FIELD + MESSAGE_ID + DATA_SET + b"\0\0\x02", "header of an element"),
        (FIELD + MESSAGE_ID + DATA_SET + bytes.fromhex("00000200 ffffffff"), r"\(0000,0002\) reaches beyond"),
        (FIELD + MESSAGE_ID + DATA_SET + FIELD, r"\(0000,0100\) comes twice"),
        (FIELD + element(0x00080018, b"1.2\0"), "group 0008"),
        (element(0x0100, bytes(4)), "4 bytes, not 2"),
        (bytes.fromhex("00000000 554c0400 38000000"), "reaches beyond"),  # Explicit VR
    ],
)
def test_what_is_no_command_set(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolFault, match=why):
        decode_command(data)


def test_a_cancel_names_a_request() -> None:
    command = decode_command(element(0x0100, b"\xff\x0f") + element(0x0120, b"\x07\x00") + NO_DATA)
    assert (command.name, command.message_id_responded_to, command.is_response) == ("C-CANCEL-RQ", 7, False)


def test_a_command_set_shows_no_uid() -> None:
    shown = repr(c_store_rsp(c_store_rq(7, CT, "1.2.3.4"), 0xA700, error_comment="John Doe"))
    assert "1.2" not in shown
    assert "John" not in shown
    assert "42752" in shown  # 0xA700
