"""Differential tests of DIMSE: pynetdicom and pydicom encode what we decode, and decode what we encode."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import keyword_for_tag
from pynetdicom import dimse_messages, dimse_primitives, dsutils
from pynetdicom import pdu as theirs

from appliance.upper_layer.association import CommandReceived
from appliance.upper_layer.command import CommandField, CommandSet, decode_command
from appliance.upper_layer.command_elements import ELEMENTS
from tests.upper_layer.wire import pair, take

CHECKED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

components = st.integers(0, 10**9).map(str)
uids = (
    st.lists(components, min_size=2, max_size=6)
    .map(lambda parts: ".".join(("1", *parts)))
    .filter(lambda u: len(u) < 65)
)
titles = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), min_size=1, max_size=16
)
versions = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"), min_size=1, max_size=16
)
words = st.integers(0, 0xFFFF)


# DIMSE

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "UI": uids,
    "US": words,
    "AE": titles,
    "LO": versions,
    "AT": st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=4).map(tuple),
}


@st.composite
def command_sets(draw: st.DrawFn, name: str) -> tuple[CommandSet, bool]:
    """A command set with every element that pynetdicom knows for this message."""
    keywords = dimse_messages._COMMAND_SET_KEYWORDS[name.replace("_", "-")]
    values = {
        element.name: draw(VALUES[element.vr])
        for element in ELEMENTS
        if element.name not in ("command_field", "data_set_type") and keyword_for_tag(element.number) in keywords
    }
    return CommandSet(**{**values, "command_field": CommandField[name]}), draw(st.booleans())


def as_data_set(encoded: bytes) -> dict[int, Any]:
    ds = dsutils.decode(io.BytesIO(encoded), True, True)
    return {element.tag: element.value for element in ds}


@pytest.mark.parametrize("name", CommandField.__members__)
def test_pydicom_reads_our_command_sets(name: str) -> None:
    @settings(max_examples=10, deadline=None)
    @given(command_sets(name))
    def check(drawn: tuple[CommandSet, bool]) -> None:
        command, follows = drawn
        encoded = command.encode(follows)
        read = as_data_set(encoded)
        assert read.pop(0) == len(encoded) - 12
        assert (read.pop(0x0800) == 0x0101) is not follows
        expected = {element.number: getattr(command, element.name) for element in ELEMENTS}
        for element in ELEMENTS:
            if element.number in read and element.vr == "AT":
                value = read[element.number]
                read[element.number] = tuple(value) if hasattr(value, "__iter__") else (value,)
        assert read == {number: value for number, value in expected.items() if value is not None}
        assert decode_command(encoded) == replace(command, data_set_type=1 if follows else 0x0101)

    check()


def their_message(primitive: Any, message: Any, max_pdu: int) -> bytes:
    message.primitive_to_message(primitive)
    out = b""
    for p_data in message.encode_msg(1, max_pdu):
        pdu = theirs.P_DATA_TF()
        pdu.from_primitive(p_data)
        out += pdu.encode()
    return out


@pytest.mark.parametrize("max_pdu", [0, 16, 4096, 16384])
def test_their_c_store_arrives(max_pdu: int) -> None:
    data = bytes(range(256)) * 100
    primitive = dimse_primitives.C_STORE()
    primitive.MessageID, primitive.Priority = 7, 2
    primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    primitive.MoveOriginatorApplicationEntityTitle, primitive.MoveOriginatorMessageID = "MOVER", 3
    primitive.DataSet = io.BytesIO(data)
    _, acceptor = pair()
    (event, received) = take(acceptor, their_message(primitive, dimse_messages.C_STORE_RQ(), max_pdu))
    assert isinstance(event, CommandReceived)
    assert event.command == CommandSet(
        command_field=CommandField.C_STORE_RQ,
        message_id=7,
        priority=2,
        affected_sop_class="1.2.840.10008.5.1.4.1.1.2",
        affected_sop_instance="1.2.3",
        move_originator_ae="MOVER",
        move_originator_message_id=3,
        data_set_type=1,
    )
    assert received == ("data", 1, data, True)


def test_their_n_action_and_n_event_report_arrive() -> None:
    action = dimse_primitives.N_ACTION()
    action.MessageID, action.ActionTypeID = 7, 1
    action.RequestedSOPClassUID, action.RequestedSOPInstanceUID = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
    action.ActionInformation = io.BytesIO(b"12345678")
    event = dimse_primitives.N_EVENT_REPORT()
    event.MessageID, event.EventTypeID = 8, 2
    event.AffectedSOPClassUID, event.AffectedSOPInstanceUID = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
    event.EventInformation = io.BytesIO(b"12345678")
    _, acceptor = pair()
    received = take(
        acceptor,
        their_message(action, dimse_messages.N_ACTION_RQ(), 4096)
        + their_message(event, dimse_messages.N_EVENT_REPORT_RQ(), 4096),
    )
    assert [each.command.name for each in received[::2]] == ["N-ACTION-RQ", "N-EVENT-REPORT-RQ"]
    assert received[0].command.action_type == 1
    assert received[0].command.missing == ()
    assert received[2].command.event_type == 2
    assert received[2].command.missing == ()
    assert received[1::2] == [("data", 1, b"12345678", True)] * 2


@pytest.mark.parametrize("max_pdu", [16, 4096, 0])
def test_our_c_store_arrives_there(max_pdu: int) -> None:
    data = bytes(range(256)) * 10
    requestor, _ = pair(max_pdu=max_pdu)
    request = CommandSet(
        command_field=CommandField.C_STORE_RQ,
        message_id=7,
        priority=0,
        affected_sop_class="1.2.840.10008.5.1.4.1.1.2",
        affected_sop_instance="1.2.3",
    )
    stream = requestor.send_command(1, request, True) + b"".join(requestor.send_data(1, data, True))
    message = dimse_messages.DIMSEMessage()
    message.data_set = io.BytesIO()
    done = False
    while stream:
        assert not done
        length = 6 + int.from_bytes(stream[2:6], "big")
        pdu = theirs.P_DATA_TF()
        pdu.decode(stream[:length])
        done = message.decode_msg(pdu.to_primitive())
        stream = stream[length:]
    assert done
    primitive = message.message_to_primitive()
    assert isinstance(primitive, dimse_primitives.C_STORE)
    assert (primitive.MessageID, primitive.AffectedSOPInstanceUID) == (7, "1.2.3")
    assert primitive.DataSet.getvalue() == data
