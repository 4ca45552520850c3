"""A-ASSOCIATE as the most tolerant endpoint might read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from appliance.inspection.associate import APPLICATION_CONTEXT, Associate, parse_associate
from tests.inspection.wire import CT_STORAGE, ILE, VERIFICATION, associate, item, pdu


def test_a_plain_request_is_read_without_a_fault() -> None:
    found = parse_associate(associate(contexts=((1, CT_STORAGE), (3, VERIFICATION))))
    assert (found.called, found.calling) == (b"EDGE01".ljust(16), b"CT_SOMATOM1".ljust(16))
    assert [(each.context_id, each.abstract_syntax) for each in found.contexts] == [(1, CT_STORAGE), (3, VERIFICATION)]
    assert found.contexts[0].transfer_syntaxes == (ILE,)
    assert (found.max_length, found.implementation_version) == (16384, b"TEST_1")
    assert found.faults == []
    assert not found.padded_uids


def test_an_answer_tells_which_contexts_it_accepts() -> None:
    found = parse_associate(associate(2, contexts=((1, b""), (3, b""))))
    assert found.accepted == {1, 3}
    assert parse_associate(associate(2, result=3)).accepted == frozenset()
    assert found.faults == []


def test_pynetdicoms_request_is_read_as_pynetdicom_meant_it() -> None:
    ae = AE("MODALITY")
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.2", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "MODALITY", "ARCHIVE"
    for number, context in enumerate(ae.requested_contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = ae.requested_contexts
    request.maximum_length_received = 0
    request.implementation_class_uid = "1.2.3.4.5"
    encoded = A_ASSOCIATE_RQ()
    encoded.from_primitive(request)
    found = parse_associate(encoded.encode())
    assert found.calling.strip() == b"MODALITY"
    assert found.called.strip() == b"ARCHIVE"
    assert found.contexts[0].transfer_syntaxes == (b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1")
    assert (found.max_length, found.implementation_class) == (0, b"1.2.3.4.5")
    assert found.faults == []


CONTEXT = item(0x20, bytes((5, 0, 0, 0)) + item(0x30, VERIFICATION) + item(0x40, ILE))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (associate(calling=b"X\n")[6:], "calling AE title is blank or holds forbidden characters"),
        (associate(called=b" ")[6:], "called AE title is blank or holds forbidden characters"),
        (associate(called=b"A\\B")[6:], "called AE title is blank or holds forbidden characters"),
        (associate(contexts=((2, CT_STORAGE),))[6:], "an even presentation context id"),
        (associate(contexts=((1, CT_STORAGE), (1, VERIFICATION)))[6:], "a presentation context id used twice"),
        (associate(contexts=((1, b"../../etc"),))[6:], "an abstract syntax is no UID"),
        (associate(contexts=((1, b"1" * 65),))[6:], "an abstract syntax is no UID"),
        (associate(contexts=())[6:], "no presentation context"),
        (associate()[6:] + b"\x50\0\xff\xff", "an item runs past its end"),
        (associate()[6:] + b"\x50", "bytes left over after the last item"),
        (b"\0\2" + associate()[8:], "protocol version is not 1"),
        (associate(extra=item(0x10, b"1.2.3"))[6:], "application context is not DICOM's"),
    ],
)
def test_each_fault_is_named(body: bytes, fault: str) -> None:
    assert fault in parse_associate(pdu(1, body)).faults


def test_nothing_hides_a_context() -> None:
    """Unknown items first, user information before contexts, 70 transfer syntaxes: the contexts are seen."""
    many = item(0x20, bytes((7, 0, 0, 0)) + item(0x30, CT_STORAGE) + b"".join(item(0x40, ILE) for _ in range(70)))
    head = associate(contexts=())[6:74]
    body = head + item(0x99, b"?" * 40) + item(0x50, item(0x51, bytes(4))) + CONTEXT + many
    found = parse_associate(pdu(1, body))
    assert [each.context_id for each in found.contexts] == [5, 7]
    assert len(found.contexts[1].transfer_syntaxes) == 70


def test_nul_padded_uids_are_noticed() -> None:
    assert parse_associate(associate(contexts=((1, CT_STORAGE + b"\0"),))).padded_uids


@given(st.binary(max_size=400))
def test_any_bytes_give_a_value(data: bytes) -> None:
    assert isinstance(parse_associate(data), Associate)


@given(st.data())
def test_a_changed_request_gives_a_value(draw: st.DataObject) -> None:
    data = bytearray(associate(contexts=((1, CT_STORAGE), (3, VERIFICATION))))
    for _ in range(draw.draw(st.integers(1, 8))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    found = parse_associate(bytes(data))
    assert len(found.contexts) <= 20


def test_no_request_has_more_items_than_are_read() -> None:
    one = item(0x20, bytes((1, 0, 0, 0)) + item(0x30, b"1.2") + item(0x40, b"1.3"))
    found = parse_associate(pdu(1, associate(contexts=())[6:74] + item(0x10, APPLICATION_CONTEXT) + one * 6000))
    assert "too many items" in found.faults
    assert len(found.contexts) <= 4096 // 3 + 1
    usual = b"".join(
        item(0x20, bytes((number, 0, 0, 0)) + item(0x30, CT_STORAGE) + item(0x40, ILE) * 29)
        for number in range(1, 256, 2)
    )
    found = parse_associate(pdu(1, associate(contexts=())[6:74] + item(0x10, APPLICATION_CONTEXT) + usual))
    assert (found.faults, len(found.contexts)) == ([], 128)


def test_what_is_kept_of_a_request_is_little() -> None:
    long = item(0x30, b"1" * 20_000) + item(0x40, b"1" * 20_000)
    user = item(0x50, item(0x52, b"2" * 20_000) + item(0x55, b"V" * 20_000) + item(0x51, b"\0\0\x10\0"))
    body = associate(contexts=())[6:74] + item(0x10, b"3" * 9000) + item(0x20, bytes((5, 0, 0, 0)) + long) + user
    kept = parse_associate(pdu(1, body)).summary()
    texts = (kept.application_context, kept.implementation_class, kept.implementation_version)
    assert all(len(each) == 65 for each in texts)
    assert (kept.max_length, kept.calling.strip()) == (4096, b"CT_SOMATOM1")
    assert [(each.context_id, len(each.abstract_syntax), each.transfer_syntaxes) for each in kept.contexts] == [
        (5, 65, ())
    ]
