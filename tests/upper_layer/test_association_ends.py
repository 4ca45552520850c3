"""How associations end, what deadlines build on, what our own side must not do, and what is tolerated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer.associate import encode_request
from appliance.upper_layer.association import (
    Aborted,
    Association,
    Awaiting,
    CommandReceived,
    ConnectionClosed,
    DataFragment,
    ReleaseRequested,
)
from appliance.upper_layer.command import c_echo_rq, c_store_rq
from appliance.upper_layer.negotiation import AssociateAccept, ContextResult
from appliance.upper_layer.table import State
from tests.upper_layer.wire import (
    A_RELEASE_RQ,
    APPLICATION_ITEM,
    CT,
    IMPLICIT,
    REQUEST,
    USER_ITEM,
    VERIFICATION,
    abort,
    accepting,
    associate_pdu,
    byte_by_byte,
    command_pdu,
    commands,
    context_item,
    pair,
    pdu,
    pdv,
    take,
    whole,
)

ECHO = c_echo_rq(1)
STORE = c_store_rq(2, CT, "1.2.3.4")
A_ASSOCIATE_RQ = encode_request(REQUEST)


# Aborts and closes


def test_aborts_of_both_kinds() -> None:
    for source, reason in ((0, 0), (2, 6)):
        requestor, acceptor = pair()
        sent = requestor.abort(source, reason)
        assert sent == abort(source, reason)
        assert requestor.awaiting is Awaiting.CLOSE
        assert take(acceptor, sent + b"junk") == [Aborted(source, reason)]
        assert acceptor.awaiting is Awaiting.CLOSED
        assert acceptor.abort() == b""


def test_an_abort_between_two_fragments_ends_the_data_set() -> None:
    _, acceptor = pair()
    data = command_pdu(1, STORE, True) + pdu(4, pdv(1, 0, b"12") + pdv(1, 0, b"34") + pdv(1, 2, b"56")) + A_RELEASE_RQ
    seen = []
    for event in acceptor.receive(data):
        seen.append(type(event))
        if isinstance(event, DataFragment):
            assert acceptor.abort() == abort(0, 0)
    assert seen == [CommandReceived, DataFragment]
    assert not acceptor.inside_message
    assert acceptor.awaiting is Awaiting.CLOSE
    assert take(acceptor, pdu(4, pdv(1, 2, b"78")), byte_by_byte) == []


def test_what_is_under_way_after_our_abort_is_dropped_up_to_a_limit() -> None:
    _, acceptor = pair()
    acceptor.abort()
    begun = acceptor.pdus_received
    piece = pdu(4, pdv(1, 0, bytes(1 << 20)))
    taken = 0
    while not (events := take(acceptor, piece)):
        taken += len(piece)
    assert events == [ConnectionClosed(orderly=True)]
    assert acceptor.pdus_received == begun  # no deadline begins anew on these
    assert limits.AFTER_ASSOCIATION.default - len(piece) <= taken <= limits.AFTER_ASSOCIATION.default
    assert acceptor.awaiting is Awaiting.CLOSED
    assert take(acceptor, piece) == []


def test_a_connection_lost_in_the_middle() -> None:
    _, acceptor = pair()
    take(acceptor, command_pdu(1, STORE, True))
    assert acceptor.connection_lost() == [ConnectionClosed(orderly=False)]
    assert acceptor.connection_lost() == []
    assert acceptor.held == 0


@pytest.mark.parametrize(("sent", "orderly"), [(b"", True), (b"\1", False), (A_ASSOCIATE_RQ[:100], False)])
def test_a_connection_lost_before_the_request(sent: bytes, orderly: bool) -> None:
    association = Association.acceptor()
    take(association, sent)
    assert association.connection_lost() == [ConnectionClosed(orderly)]
    assert association.state is State.STA1


def test_artim_expires() -> None:
    association = Association.acceptor()
    take(association, A_ASSOCIATE_RQ[:100])
    assert association.artim_expired() == [ConnectionClosed(orderly=False)]
    _, acceptor = pair()
    with pytest.raises(LocalError):
        acceptor.artim_expired()
    acceptor.abort()
    assert acceptor.artim_expired() == [ConnectionClosed(orderly=True)]
    assert acceptor.awaiting is Awaiting.CLOSED


# Deadlines


def test_what_a_shell_may_build_its_deadlines_on() -> None:
    _, acceptor = pair()
    started = acceptor.pdus_received
    seen = []
    for each in byte_by_byte(command_pdu(1, STORE, True) + pdu(4, pdv(1, 0, b"12")) + pdu(4, pdv(1, 2, b""))):
        take(acceptor, each)
        state = (acceptor.awaiting, acceptor.pdus_received - started, acceptor.messages_received)
        if not seen or seen[-1] != state:
            seen.append(state)
    assert seen == [
        (Awaiting.PDU_REST, 0, 0),  # in the header
        (Awaiting.PDU_REST, 1, 0),
        (Awaiting.MESSAGE_REST, 1, 0),
        (Awaiting.PDU_REST, 1, 0),
        (Awaiting.PDU_REST, 2, 0),
        (Awaiting.MESSAGE_REST, 2, 0),
        (Awaiting.PDU_REST, 2, 0),
        (Awaiting.PDU_REST, 3, 0),
        (Awaiting.MESSAGE, 3, 1),
    ]


def test_the_request_is_awaited_from_the_first_byte_to_the_last() -> None:
    association = Association.acceptor()
    for each in byte_by_byte(A_ASSOCIATE_RQ[:-1]):
        take(association, each)
        assert association.awaiting is Awaiting.ASSOCIATE_RQ


# Misuse


def test_events_must_be_taken_to_their_end() -> None:
    _, acceptor = pair()
    events = acceptor.receive(command_pdu(3, ECHO) * 2)
    with pytest.raises(LocalError):
        acceptor.receive(b"")
    next(events)
    events.close()  # type: ignore[attr-defined]
    with pytest.raises(LocalError):
        acceptor.receive(b"")


def test_a_release_in_the_middle_of_a_message() -> None:
    requestor, _ = pair()
    requestor.send_command(1, STORE, True)
    with pytest.raises(LocalError):
        requestor.release()
    with pytest.raises(LocalError):
        requestor.send_command(3, ECHO, False)


def test_a_context_that_was_not_accepted() -> None:
    requestor, _ = pair()
    with pytest.raises(LocalError):
        requestor.send_command(5, ECHO, False)


@pytest.mark.parametrize("max_pdu", [-1, 1, 7, 1 << 32])
def test_a_maximum_that_cannot_be_announced(max_pdu: int) -> None:
    with pytest.raises(LocalError):
        Association.acceptor(max_pdu)
    with pytest.raises(LocalError):
        Association.requestor(REQUEST, max_pdu)


def test_a_request_that_cannot_be_sent() -> None:
    with pytest.raises(LocalError):
        Association.requestor(replace(REQUEST, contexts=()))


# Tolerance


def test_reserved_bytes_are_not_tested() -> None:
    association = Association.acceptor()
    data = bytearray(A_ASSOCIATE_RQ)
    data[1] = data[8] = data[9] = 0xFF
    data[42:74] = b"\xff" * 32
    (requested,) = take(association, bytes(data), whole, accepting)
    assert requested.request.calling_ae == "CT_SOMATOM1"
    assert take(association, b"\5\xff\0\0\0\4\xff\xff\xff\xff") == [ReleaseRequested()]


def test_a_data_set_for_a_c_echo_is_passed_on() -> None:
    _, acceptor = pair()
    events = take(acceptor, command_pdu(3, ECHO, True) + pdu(4, pdv(3, 2, b"?")))
    assert [event.data_set_follows for event in commands(events)] == [True]
    assert events[1] == ("data", 3, b"?", True)


def test_an_unknown_operation_is_passed_on() -> None:
    _, acceptor = pair()
    events = take(acceptor, command_pdu(3, replace(ECHO, command_field=0x0777)))
    assert commands(events)[0].name == "command 0777H"


def test_a_c_store_without_data_set_or_names_is_passed_on() -> None:
    _, acceptor = pair()
    bare = replace(STORE, affected_sop_class=None, affected_sop_instance=None)
    (command,) = commands(take(acceptor, command_pdu(1, bare)))
    assert command.missing == ("affected_sop_class", "affected_sop_instance")
    assert not command.data_set_follows
    assert acceptor.awaiting is Awaiting.MESSAGE


def test_a_peer_without_user_information_is_sent_16_kib_at_a_time() -> None:
    acceptor = Association.acceptor()
    take(acceptor, associate_pdu(APPLICATION_ITEM, context_item(1)), whole, accepting)
    acceptor.send_command(1, STORE, True)
    assert max(len(each) for each in acceptor.send_data(1, bytes(100000), True)) == 6 + 16384


def test_a_refused_context_can_be_the_only_one() -> None:
    acceptor = Association.acceptor()
    take(acceptor, associate_pdu(APPLICATION_ITEM, context_item(1, VERIFICATION, IMPLICIT), USER_ITEM))
    acceptor.accept(AssociateAccept((ContextResult(1, 3),)))
    assert acceptor.awaiting is Awaiting.MESSAGE
    assert dict(acceptor.accepted) == {}
