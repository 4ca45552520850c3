from __future__ import annotations

import struct

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.items import ItemReader
from appliance.upper_layer.negotiation import AsyncWindow, ExtendedNegotiation, RoleSelection, UserIdentity
from appliance.upper_layer.pdu import AbortReason, ProtocolFault
from appliance.upper_layer.user_information import (
    UserInformation,
    decode_user_information,
    encode_user_information,
)
from tests.upper_layer.wire import CT, item

FULL = UserInformation(
    max_pdu=131072,
    implementation_uid="1.2.3",
    implementation_version="TEST_1",
    roles=[RoleSelection(CT, scu=False, scp=True), RoleSelection("1.2.840.10008.1.20.1", scu=True, scp=True)],
    async_window=AsyncWindow(5, 0),
    extended=[ExtendedNegotiation(CT, b"\2\0\0\0\0\0")],
    user_identity=UserIdentity(2, b"user", b"passcode", response_requested=True),
    identity_response=b"ticket",
)


def decode(*items: bytes) -> UserInformation:
    return decode_user_information(b"".join(items), ItemReader(1000))


def test_there_and_back() -> None:
    encoded = encode_user_information(FULL)
    assert encoded[0] == 0x50
    assert decode(encoded[4:]) == FULL


def test_on_the_wire() -> None:
    encoded = encode_user_information(UserInformation(max_pdu=16384, implementation_uid="1.2"))
    assert encoded.hex(" ") == "50 00 00 0f 51 00 00 04 00 00 40 00 52 00 00 03 31 2e 32"


def test_what_is_missing_has_a_default() -> None:
    assert decode() == UserInformation(max_pdu=16384)


def test_no_maximum_is_zero() -> None:
    assert decode(item(0x51, bytes(4))).max_pdu == 0


def test_unknown_sub_items_are_ignored() -> None:
    assert decode(item(0x57, b"common extended"), item(0x5A, b"?"), item(0xFF, b""), item(0x51, bytes(4))).max_pdu == 0


def test_a_version_name_is_washed() -> None:
    assert decode(item(0x55, b"OK\0")).implementation_version == "OK"
    assert decode(item(0x55, b"\x1b[31m" + b"x" * 1000)).implementation_version == r"\x1b[31mxxxxxxx…"


@pytest.mark.parametrize(
    "data",
    [
        item(0x51, bytes(3)),
        item(0x51, bytes(5)),
        item(0x51, struct.pack(">L", 1)),
        item(0x51, struct.pack(">L", 7)),
        item(0x53, bytes(3)),
        item(0x54, b"\0\x051.2.3\1"),
        item(0x54, b"\0\x051.2.3\1\1\1"),
        item(0x54, b"\0\xff1.2.3\1\1"),
        item(0x56, b"\0\xff1.2.3"),
        item(0x58, b"\1\0\0\0"),
        item(0x58, b"\1\0\xff\xffuser\0\0"),
        item(0x58, b"\2\0\0\4user\0\x09passcode"),
        item(0x59, b"\0\x09ticket"),
        b"\x51\0\0",
    ],
)
def test_sub_items_of_the_wrong_shape(data: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        decode(data)
    assert caught.value.reason is AbortReason.INVALID_PARAMETER


@pytest.mark.parametrize(
    "data",
    [
        item(0x51, bytes(4)),
        item(0x52, b"1.2"),
        item(0x53, bytes(4)),
        item(0x55, b"A"),
        item(0x58, bytes(6)),
        item(0x59, bytes(2)),
    ],
)
def test_sub_items_that_may_come_once(data: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        decode(data, data)
    assert caught.value.reason is AbortReason.UNEXPECTED_PARAMETER


def test_a_role_for_no_uid_is_ignored() -> None:
    assert decode(item(0x54, b"\0\3abc\1\1"), item(0x56, b"\0\3abc\1")) == UserInformation()


def test_a_user_identity_is_not_shown() -> None:
    assert "user'" not in repr(FULL)
    assert "passcode" not in repr(FULL.user_identity)
    assert "ticket" not in repr(FULL)


def test_what_does_not_fit_is_our_own_mistake() -> None:
    with pytest.raises(LocalError):
        encode_user_information(UserInformation(implementation_uid="1.2", implementation_version="x" * 17))
    with pytest.raises(LocalError):
        encode_user_information(UserInformation(implementation_uid=""))
