"""Both roles as they read on the wire. `>` is what the engine under test sends, `<` what it receives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.associate import encode_accept, encode_request
from appliance.upper_layer.association import (
    Aborted,
    Association,
    AssociationAccepted,
    AssociationRejected,
    AssociationRequested,
    Awaiting,
    CommandReceived,
    ConnectionClosed,
    PeerFault,
    Released,
    ReleaseRequested,
)
from appliance.upper_layer.command import c_echo_rq, c_echo_rsp, c_store_rq, c_store_rsp
from appliance.upper_layer.negotiation import AcceptedContext, AssociateAccept
from tests.upper_layer.wire import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    ACCEPT,
    APPLICATION_ITEM,
    CT,
    CUTS,
    EXPLICIT,
    REQUEST,
    USER_ITEM,
    Cut,
    associate_pdu,
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


# The acceptor


@pytest.mark.parametrize("cut", CUTS)
def test_an_acceptor_from_first_to_last_byte(cut: Cut) -> None:
    association = Association.acceptor(max_pdu=65536)
    assert association.awaiting is Awaiting.ASSOCIATE_RQ

    # < A-ASSOCIATE-RQ
    (requested,) = take(association, A_ASSOCIATE_RQ, cut)
    assert requested.request.called_ae == "EDGE01"
    assert requested.request.calling_ae == "CT_SOMATOM1"
    assert association.awaiting is Awaiting.ASSOCIATE_RESPONSE
    assert not association.can_send

    # > A-ASSOCIATE-AC
    sent = association.accept(ACCEPT)
    assert sent == encode_accept(replace(ACCEPT, max_pdu=65536), requested.request)
    assert association.accepted[1] == AcceptedContext(1, CT, EXPLICIT)
    assert association.accepted.keys() == {1, 3}
    assert association.awaiting is Awaiting.MESSAGE

    # < C-ECHO-RQ  > C-ECHO-RSP
    (echo,) = take(association, command_pdu(3, ECHO), cut)
    assert echo.context_id == 3
    assert association.send_command(3, c_echo_rsp(echo.command), False) == command_pdu(3, c_echo_rsp(echo.command))

    # < C-STORE-RQ and its data set in three PDUs, the command and the first fragment in one
    first, *fragments = take(
        association,
        pdu(4, pdv(1, 3, STORE.encode(True)) + pdv(1, 0, b"first ")) + pdu(4, pdv(1, 0, b"second ")),
        cut,
    )
    assert first.command.name == "C-STORE-RQ"
    assert fragments == [("data", 1, b"first second ", False)]
    assert association.awaiting is Awaiting.MESSAGE_REST
    assert take(association, pdu(4, pdv(1, 0, b"third ") + pdv(1, 2, b"last")), cut) == [
        ("data", 1, b"third last", True)
    ]
    assert association.awaiting is Awaiting.MESSAGE
    assert association.messages_received == 2

    # > C-STORE-RSP
    sent = association.send_command(1, c_store_rsp(first.command, 0), False)
    assert sent == command_pdu(1, c_store_rsp(first.command, 0))

    # < A-RELEASE-RQ  > A-RELEASE-RP
    assert take(association, A_RELEASE_RQ, cut) == [ReleaseRequested()]
    assert association.awaiting is Awaiting.RELEASE_RESPONSE
    assert association.release_reply() == A_RELEASE_RP
    assert association.awaiting is Awaiting.CLOSE

    # < the transport closes
    assert association.connection_lost() == [ConnectionClosed(orderly=True)]
    assert association.awaiting is Awaiting.CLOSED


def test_an_acceptor_that_rejects() -> None:
    association = Association.acceptor()
    take(association, A_ASSOCIATE_RQ)
    assert association.reject(1, 1, 7) == pdu(3, bytes((0, 1, 1, 7)))
    assert association.awaiting is Awaiting.CLOSE
    assert take(association, command_pdu(3, ECHO) + A_RELEASE_RQ) == []  # AA-6
    assert take(association, A_ABORT) == [Aborted(0, 0)]  # AA-2
    assert association.awaiting is Awaiting.CLOSED


def test_a_request_is_surfaced_for_admission_to_reject() -> None:
    association = Association.acceptor()
    (requested,) = take(association, associate_pdu(called=b"", calling=b"\0bad"))
    assert requested.request.called_ae is None
    assert requested.request.calling_ae is None
    assert requested.request.calling_ae_raw == b"\0bad            "
    assert requested.request.contexts == ()
    assert association.reject(1, 1, 3) == pdu(3, bytes((0, 1, 1, 3)))


def test_an_acceptor_aborted_while_it_decides() -> None:
    association = Association.acceptor()
    assert take(association, A_ASSOCIATE_RQ + A_ABORT) == [
        AssociationRequested(association.request),  # type: ignore[arg-type]
        Aborted(0, 0),
    ]
    with pytest.raises(LocalError):
        association.accept(ACCEPT)


def test_another_protocol_version_is_rejected() -> None:
    association = Association.acceptor()
    (fault,) = take(association, associate_pdu(APPLICATION_ITEM, context_item(1), USER_ITEM, version=2) + b"junk")
    assert fault == PeerFault("protocol version 0002H is not supported", pdu(3, bytes((0, 1, 2, 2))))
    assert association.awaiting is Awaiting.CLOSE


def test_a_wrong_answer_of_ours_leaves_the_request_open() -> None:
    association = Association.acceptor()
    take(association, A_ASSOCIATE_RQ)
    with pytest.raises(LocalError):
        association.accept(AssociateAccept(()))
    with pytest.raises(LocalError):
        association.reject(1, 1, 99)
    assert association.awaiting is Awaiting.ASSOCIATE_RESPONSE
    association.accept(ACCEPT)


# The requestor


@pytest.mark.parametrize("cut", CUTS)
def test_a_requestor_from_first_to_last_byte(cut: Cut) -> None:
    association = Association.requestor(REQUEST, max_pdu=4096)
    assert association.awaiting is Awaiting.TRANSPORT

    # > A-ASSOCIATE-RQ
    sent = association.associate_request()
    assert sent == encode_request(replace(REQUEST, max_pdu=4096))
    assert association.awaiting is Awaiting.ASSOCIATE_AC

    # < A-ASSOCIATE-AC of a peer that takes 28 bytes at a time
    acceptor = Association.acceptor(max_pdu=28)
    take(acceptor, sent)
    (accepted,) = take(association, acceptor.accept(ACCEPT), cut)
    assert accepted == AssociationAccepted(replace(ACCEPT, max_pdu=28))
    assert association.can_send

    # > C-STORE-RQ, data set
    sent = association.send_command(1, STORE, data_set_follows=True)
    data = bytes(range(100))
    for chunk, last in ((data[:33], False), (data[33:], True)):
        for each in association.send_data(1, chunk, last):
            assert len(each) <= 6 + 28
            sent += each
    received = take(acceptor, sent)
    assert commands(received) == [replace(STORE, data_set_type=1)]
    assert received[1:] == [("data", 1, data, True)]

    # < C-STORE-RSP
    (response,) = take(association, acceptor.send_command(1, c_store_rsp(STORE, 0xB000), False), cut)
    assert (response.command.status, response.command.message_id_responded_to) == (0xB000, 2)

    # > A-RELEASE-RQ  < A-RELEASE-RP
    assert association.release() == A_RELEASE_RQ
    assert association.awaiting is Awaiting.RELEASE_RP
    assert take(association, A_RELEASE_RP, cut) == [Released()]
    assert association.awaiting is Awaiting.CLOSED


@pytest.mark.parametrize("cut", CUTS)
def test_a_requestor_that_is_rejected(cut: Cut) -> None:
    association = Association.requestor(REQUEST)
    association.associate_request()
    assert take(association, pdu(3, bytes((0, 2, 3, 1))) + b"junk", cut) == [AssociationRejected(2, 3, 1)]
    assert association.awaiting is Awaiting.CLOSED


def test_a_requestor_gets_a_message_while_it_releases() -> None:
    requestor, acceptor = pair()
    requestor.release()
    (echo,) = take(requestor, acceptor.send_command(3, ECHO, False))  # AR-6
    assert isinstance(echo, CommandReceived)
    with pytest.raises(LocalError):
        requestor.send_command(3, c_echo_rsp(ECHO), False)
    assert requestor.awaiting is Awaiting.RELEASE_RP


def test_an_acceptor_answers_what_is_outstanding_when_the_peer_releases() -> None:
    _, acceptor = pair()
    take(acceptor, command_pdu(3, ECHO) + A_RELEASE_RQ)
    assert acceptor.can_send  # AR-7
    assert acceptor.send_command(3, c_echo_rsp(ECHO), False) == command_pdu(3, c_echo_rsp(ECHO))
    assert acceptor.release_reply() == A_RELEASE_RP


def test_nothing_can_be_received_before_the_request() -> None:
    association = Association.requestor(REQUEST)
    with pytest.raises(LocalError):
        association.receive(b"")
    assert association.abort() == b""  # AA-2: there is nobody to tell
    assert association.awaiting is Awaiting.CLOSED


# Two engines back to back


def test_a_release_collision() -> None:
    requestor, acceptor = pair()
    from_requestor, from_acceptor = requestor.release(), acceptor.release()
    assert take(requestor, from_acceptor) == [ReleaseRequested()]
    assert take(acceptor, from_requestor) == [ReleaseRequested()]
    assert (requestor.awaiting, acceptor.awaiting) == (Awaiting.RELEASE_RESPONSE, Awaiting.RELEASE_RP)
    assert take(acceptor, requestor.release_reply()) == [Released()]
    assert (requestor.awaiting, acceptor.awaiting) == (Awaiting.RELEASE_RP, Awaiting.RELEASE_RESPONSE)
    assert take(requestor, acceptor.release_reply()) == [Released()]
    assert (requestor.awaiting, acceptor.awaiting) == (Awaiting.CLOSED, Awaiting.CLOSE)


@pytest.mark.parametrize("peer_max_pdu", [0, 4096, 16384, 131072])
def test_instances_arrive_as_they_were_sent(peer_max_pdu: int) -> None:
    requestor, acceptor = pair(max_pdu=peer_max_pdu)
    for size in (0, 1, 2, 4090, 131066, 131068, 300001):
        data = bytes(each % 251 for each in range(size))
        sent = requestor.send_command(1, STORE, True) + b"".join(requestor.send_data(1, data, True))
        received = take(acceptor, sent, whole)
        assert received[1:] == [("data", 1, data, True)]
    assert acceptor.messages_received == 7


def test_several_messages_may_be_outstanding() -> None:
    requestor, acceptor = pair()
    sent = b"".join(requestor.send_command(3, c_echo_rq(each), False) for each in range(5))
    received = commands(take(acceptor, sent))
    assert [each.message_id for each in received] == [0, 1, 2, 3, 4]
    answers = b"".join(acceptor.send_command(3, c_echo_rsp(each), False) for each in reversed(received))
    assert [each.message_id_responded_to for each in commands(take(requestor, answers))] == [4, 3, 2, 1, 0]


def test_the_acceptor_may_invoke_too() -> None:
    requestor, acceptor = pair()
    (echo,) = take(requestor, acceptor.send_command(3, ECHO, False))
    (answer,) = take(acceptor, requestor.send_command(3, c_echo_rsp(echo.command), False))
    assert answer.command.status == 0
