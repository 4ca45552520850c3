from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer.associate import decode_accept, decode_request, encode_accept, encode_request
from appliance.upper_layer.negotiation import (
    AssociateAccept,
    AssociateRequest,
    AsyncWindow,
    ContextResult,
    ExtendedNegotiation,
    PresentationContext,
    RoleSelection,
    UserIdentity,
)
from appliance.upper_layer.pdu import AbortReason, ProtocolFault
from tests.upper_layer.wire import (
    ACCEPT,
    APPLICATION_ITEM,
    CT,
    EXPLICIT,
    IMPLICIT,
    REQUEST,
    USER_ITEM,
    VERIFICATION,
    associate_pdu,
    context_item,
    item,
)


def request_of(*items: bytes, **fields: object) -> AssociateRequest:
    return decode_request(associate_pdu(*items, **fields)[6:])  # type: ignore[arg-type]


def test_a_small_request_on_the_wire() -> None:
    request = AssociateRequest(
        "ANY-SCP",
        "ECHOSCU",
        (PresentationContext(1, VERIFICATION, (IMPLICIT,)),),
        max_pdu=16384,
        implementation_uid="1.2.3",
        implementation_version="V1",
    )
    assert encode_request(request) == (
        bytes.fromhex("01 00 000000aa 0001 0000")
        + b"ANY-SCP         ECHOSCU         "
        + bytes(32)
        + bytes.fromhex("10 00 0015")
        + b"1.2.840.10008.3.1.1.1"
        + bytes.fromhex("20 00 002e 01 00 00 00")
        + bytes.fromhex("30 00 0011")
        + b"1.2.840.10008.1.1"
        + bytes.fromhex("40 00 0011")
        + b"1.2.840.10008.1.2"
        + bytes.fromhex("50 00 0017")
        + bytes.fromhex("51 00 0004 00004000")
        + bytes.fromhex("52 00 0005")
        + b"1.2.3"
        + bytes.fromhex("55 00 0002")
        + b"V1"
    )


FULL = replace(
    REQUEST,
    max_pdu=65536,
    roles=(RoleSelection(CT, scu=True, scp=True),),
    user_identity=UserIdentity(1, b"user", response_requested=True),
    async_window=AsyncWindow(0, 1),
    extended=(ExtendedNegotiation(CT, b"\2"),),
)


def test_a_request_there_and_back() -> None:
    assert decode_request(encode_request(FULL)[6:]) == replace(
        FULL, called_ae_raw=b"EDGE01          ", calling_ae_raw=b"CT_SOMATOM1     "
    )


def test_an_accept_there_and_back() -> None:
    accept = replace(ACCEPT, max_pdu=4096, roles=FULL.roles, async_window=AsyncWindow(1, 1), identity_response=b"")
    received = decode_request(encode_request(FULL)[6:])
    encoded = encode_accept(accept, received)
    assert encoded[0] == 2
    assert decode_accept(encoded[6:], REQUEST) == accept


def test_an_accept_repeats_the_fields_of_the_request() -> None:
    called, calling, reserved = b"\0odd\xff\0\0\0\0\0\0\0\0\0\0\0", b" " * 16, bytes(range(32))
    request = request_of(
        APPLICATION_ITEM, context_item(1), USER_ITEM, called=called, calling=calling, reserved=reserved
    )
    assert request.called_ae is None
    assert request.calling_ae is None
    encoded = encode_accept(AssociateAccept((ContextResult(1, 0, IMPLICIT),)), request)
    assert encoded[10:74] == called + calling + reserved


def test_a_refused_context_carries_a_transfer_syntax() -> None:
    request = request_of(
        context_item(1, CT, EXPLICIT, IMPLICIT), item(0x20, bytes((3, 0, 0, 0)), item(0x30, CT.encode()))
    )
    encoded = encode_accept(AssociateAccept((ContextResult(1, 4), ContextResult(3, 4))), request)
    assert item(0x21, bytes((1, 0, 4, 0)), item(0x40, EXPLICIT.encode())) in encoded
    assert item(0x21, bytes((3, 0, 4, 0)), item(0x40, IMPLICIT.encode())) in encoded


# What real devices do, and what the standard says is not tested


@pytest.mark.parametrize("field", [b"CT1", b"  CT1  ", b"CT1\0\0", b"CT1".ljust(16, b"\0"), b"CT1 \0 \0"])
def test_ae_titles_may_be_padded(field: bytes) -> None:
    request = request_of(calling=field, called=field)
    assert request.calling_ae == "CT1"
    assert request.called_ae == "CT1"


@pytest.mark.parametrize("field", [b" " * 16, bytes(16), b"A\\B", b"A\0B", b"A\nB", "Ä".encode("latin-1"), b"\x7f"])
def test_what_is_no_ae_title_is_left_to_admission(field: bytes) -> None:
    request = request_of(calling=field)
    assert request.calling_ae is None
    assert request.calling_ae_raw == field.ljust(16)


@pytest.mark.parametrize("title", [b"../secret/VICTIM", b"/etc/passwd", b"$(reboot)", b"..", b"a;b|c&d"])
def test_an_ae_title_is_text_and_nothing_more(title: bytes) -> None:
    assert request_of(calling=title).calling_ae == title.decode()


def test_only_bit_0_of_the_version_counts_and_it_is_judged_elsewhere() -> None:
    assert request_of(version=0xFFFF).protocol_version == 0xFFFF
    assert request_of(version=0).protocol_version == 0


def test_unknown_items_are_ignored_wherever_they_stand() -> None:
    request = request_of(
        item(0xEE, b"?"),
        USER_ITEM,
        item(0x21, b"x"),
        item(
            0x20,
            bytes((1, 9, 9, 9)),
            item(0x77, b"?"),
            item(0x40, IMPLICIT.encode()),
            item(0x30, CT.encode()),
        ),
        APPLICATION_ITEM,
    )
    assert request.contexts == (PresentationContext(1, CT, (IMPLICIT,)),)
    assert request.max_pdu == 16384


def test_uids_with_trailing_nul() -> None:
    request = request_of(item(0x10, b"1.2.840.10008.3.1.1.1\0"), context_item(1, CT + "\0", EXPLICIT + "\0"))
    assert request.application_context == "1.2.840.10008.3.1.1.1"
    assert request.contexts == (PresentationContext(1, CT, (EXPLICIT,)),)


def test_a_bad_transfer_syntax_does_not_spoil_its_context() -> None:
    request = request_of(context_item(1, CT, "not a uid", EXPLICIT, "", EXPLICIT))
    assert request.contexts == (PresentationContext(1, CT, (EXPLICIT,)),)


def test_a_context_can_lack_everything() -> None:
    assert request_of(item(0x20, bytes((1, 0, 0, 0)))).contexts == (PresentationContext(1, "", ()),)
    assert request_of(context_item(1, "no uid")).contexts == (PresentationContext(1, "", (IMPLICIT,)),)


def test_128_contexts_of_100_syntaxes() -> None:
    syntaxes = tuple(f"1.2.840.10008.1.2.4.{each}" for each in range(100))
    request = request_of(*(context_item(each, CT, *syntaxes) for each in range(1, 256, 2)))
    assert len(request.contexts) == 128
    assert {context.transfer_syntaxes for context in request.contexts} == {syntaxes}


def test_a_request_without_items() -> None:
    request = request_of()
    assert (request.contexts, request.application_context, request.max_pdu) == ((), "", 16384)


# What does not fit together


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ((context_item(2),), AbortReason.INVALID_PARAMETER),
        ((context_item(0),), AbortReason.INVALID_PARAMETER),
        ((context_item(1), context_item(1)), AbortReason.INVALID_PARAMETER),
        ((item(0x20, b"\1\0\0"),), AbortReason.INVALID_PARAMETER),
        ((item(0x20, b""),), AbortReason.INVALID_PARAMETER),
        ((item(0x20, bytes((1, 0, 0, 0)), b"\x30\0\0\x20abc"),), AbortReason.INVALID_PARAMETER),
        ((b"\x10\0\xff\xffabc",), AbortReason.INVALID_PARAMETER),
        ((APPLICATION_ITEM, b"\x50"), AbortReason.INVALID_PARAMETER),
        ((APPLICATION_ITEM, APPLICATION_ITEM), AbortReason.UNEXPECTED_PARAMETER),
        ((USER_ITEM, USER_ITEM), AbortReason.UNEXPECTED_PARAMETER),
        (
            (item(0x20, bytes((1, 0, 0, 0)), item(0x30, CT.encode()), item(0x30, CT.encode())),),
            AbortReason.UNEXPECTED_PARAMETER,
        ),
    ],
)
def test_items_that_do_not_fit_together(items: tuple[bytes, ...], reason: AbortReason) -> None:
    with pytest.raises(ProtocolFault) as caught:
        request_of(*items)
    assert caught.value.reason is reason


def test_more_items_than_anybody_needs() -> None:
    with pytest.raises(ProtocolFault, match="more than 16384 items"):
        request_of(item(0xEE) * (limits.ASSOCIATE_ITEMS.default + 1))


def accept_of(*items: bytes, version: int = 1) -> AssociateAccept:
    return decode_accept(associate_pdu(*items, kind=2, version=version)[6:], REQUEST)


def result_item(context_id: int, result: int, syntax: str = IMPLICIT) -> bytes:
    return item(0x21, bytes((context_id, 0, result, 0)), item(0x40, syntax.encode()))


def test_contexts_that_the_peer_left_out_are_refused_without_reason() -> None:
    assert accept_of(result_item(3, 0)).contexts == (
        ContextResult(1, 2),
        ContextResult(3, 0, IMPLICIT),
        ContextResult(5, 2),
    )


def test_the_syntax_of_a_refused_context_is_not_tested() -> None:
    accept = accept_of(item(0x21, bytes((1, 0, 3, 0)), b"junk"), item(0x21, bytes((3, 9, 4, 9))))
    assert accept.contexts == (ContextResult(1, 3), ContextResult(3, 4), ContextResult(5, 2))


@pytest.mark.parametrize(
    "items",
    [
        (result_item(7, 0),),
        (result_item(7, 3),),
        (result_item(2, 0),),
        (result_item(1, 5),),
        (result_item(1, 0), result_item(1, 0)),
        (result_item(1, 0, "1.2.840.10008.1.2.4.50"),),
        (result_item(1, 0, "junk"),),
        (item(0x21, bytes((1, 0, 0, 0))),),
        (item(0x21, bytes((1, 0, 0, 0)), item(0x40, IMPLICIT.encode()), item(0x40, EXPLICIT.encode())),),
        (item(0x50, item(0x51, struct.pack(">L", 5))),),
    ],
)
def test_answers_to_what_was_not_asked(items: tuple[bytes, ...]) -> None:
    with pytest.raises(ProtocolFault):
        accept_of(*items)


def test_an_accept_of_another_version() -> None:
    with pytest.raises(ProtocolFault, match="version"):
        accept_of(version=2)


@pytest.mark.parametrize("length", [0, 1, 67])
def test_a_body_shorter_than_its_fixed_fields(length: int) -> None:
    with pytest.raises(ProtocolFault):
        decode_request(bytes(length))


@pytest.mark.parametrize("title", ["", "x" * 17, "Ä", "a\\b", "a\n"])
def test_titles_that_we_must_not_send(title: str) -> None:
    with pytest.raises(LocalError):
        encode_request(replace(REQUEST, called_ae=title))
