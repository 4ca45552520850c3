from __future__ import annotations

import pytest

from appliance.base import limits
from appliance.upper_layer.command import c_echo_rq, c_store_rq
from appliance.upper_layer.events import CommandReceived, DataFragment
from appliance.upper_layer.message_reader import MessageReader
from appliance.upper_layer.negotiation import AcceptedContext, Negotiated
from appliance.upper_layer.pdu import AbortReason, ProtocolFault
from tests.upper_layer.wire import CT, EXPLICIT, element

STORE = c_store_rq(1, CT, "1.2.3").encode(True)
ECHO = c_echo_rq(1).encode(False)
COMMAND, LAST = 1, 2


def reader() -> MessageReader:
    return MessageReader(Negotiated({each: AcceptedContext(each, CT, EXPLICIT) for each in (1, 3)}))


def read(messages: MessageReader, context_id: int, flags: int, *pieces: bytes) -> list[object]:
    messages.begin(context_id, flags)
    events = [messages.fragment(memoryview(each), at == len(pieces)) for at, each in enumerate(pieces, 1)]
    return [event for event in events if event is not None]


def test_a_command_and_its_data_set() -> None:
    messages = reader()
    (event,) = read(messages, 1, COMMAND | LAST, STORE)
    assert isinstance(event, CommandReceived)
    assert messages.inside_message
    assert read(messages, 1, 0, b"ab", b"c") == [DataFragment(1, b"ab", False), DataFragment(1, b"c", False)]
    assert read(messages, 1, LAST, b"d", b"e") == [DataFragment(1, b"d", False), DataFragment(1, b"e", True)]
    assert not messages.inside_message
    assert messages.messages == 1


def test_a_command_in_pieces_of_two_bytes() -> None:
    messages = reader()
    for at in range(0, len(ECHO) - 2, 2):
        assert read(messages, 1, COMMAND, ECHO[at : at + 2]) == []
        assert messages.held == at + 2
    (event,) = read(messages, 1, COMMAND | LAST, ECHO[-2:])
    assert isinstance(event, CommandReceived)
    assert (messages.held, messages.messages) == (0, 1)


def test_empty_pdvs() -> None:
    messages = reader()
    assert read(messages, 1, COMMAND, b"") == []
    assert read(messages, 1, COMMAND, STORE) == []
    assert len(read(messages, 1, COMMAND | LAST, b"")) == 1
    assert read(messages, 1, 0, b"") == []
    assert read(messages, 1, LAST, b"") == [DataFragment(1, b"", True)]


def test_bits_2_to_7_are_not_checked() -> None:
    messages = reader()
    assert len(read(messages, 1, 0xFC | COMMAND | LAST, STORE)) == 1
    assert read(messages, 1, 0xFC | LAST, b"x") == [DataFragment(1, b"x", True)]


def test_messages_of_two_contexts_one_after_another() -> None:
    messages = reader()
    assert len(read(messages, 1, COMMAND | LAST, ECHO)) == 1
    assert len(read(messages, 3, COMMAND | LAST, ECHO)) == 1
    assert messages.messages == 2


@pytest.mark.parametrize(
    ("before", "context_id", "flags", "reason"),
    [
        ([], 5, COMMAND | LAST, AbortReason.INVALID_PARAMETER),
        ([], 0, COMMAND | LAST, AbortReason.INVALID_PARAMETER),
        ([], 1, LAST, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND | LAST, ECHO)], 1, 0, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND, STORE[:20])], 1, LAST, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND, STORE[:20])], 3, COMMAND, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND, STORE[:20])], 5, COMMAND, AbortReason.INVALID_PARAMETER),
        ([(COMMAND | LAST, STORE)], 1, COMMAND | LAST, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND | LAST, STORE)], 3, LAST, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND | LAST, STORE), (0, b"x")], 1, COMMAND | LAST, AbortReason.UNEXPECTED_PARAMETER),
        ([(COMMAND | LAST, STORE), (0, b"x")], 3, COMMAND | LAST, AbortReason.UNEXPECTED_PARAMETER),
    ],
)
def test_pdvs_out_of_order(before: list[tuple[int, bytes]], context_id: int, flags: int, reason: AbortReason) -> None:
    messages = reader()
    for each, data in before:
        read(messages, 1, each, data)
    with pytest.raises(ProtocolFault) as caught:
        messages.begin(context_id, flags)
    assert caught.value.reason is reason


def test_a_command_set_is_capped() -> None:
    messages = reader()
    most = limits.COMMAND_SET.default
    read(messages, 1, COMMAND, element(0x5010, bytes(most - 8)))
    assert messages.held == most
    messages.begin(1, COMMAND)
    with pytest.raises(ProtocolFault, match="more than 65536 bytes"):
        messages.fragment(memoryview(b"x"), True)
    assert messages.held == most


def test_what_is_incomplete_can_be_dropped() -> None:
    messages = reader()
    read(messages, 1, COMMAND, STORE[:20])
    messages.drop()
    assert (messages.held, messages.inside_message) == (0, False)
