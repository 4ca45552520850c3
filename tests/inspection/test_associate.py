"""A-ASSOCIATE as the most tolerant endpoint might read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from appliance.inspection.associate import Associate, parse_associate
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
