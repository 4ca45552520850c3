from __future__ import annotations

import pytest
from pynetdicom import fsm

from appliance.base.errors import LocalError
from appliance.upper_layer import command, events
from appliance.upper_layer.associate import encode_accept, encode_request
from appliance.upper_layer.association import Association
from appliance.upper_layer.table import NEXT, TRANSITIONS, Action, Evt, State
from tests.upper_layer.wire import (
    A_ABORT,
    A_RELEASE_RP,
    A_RELEASE_RQ,
    ACCEPT,
    REQUEST,
    abort,
    command_pdu,
    pair,
    pdu,
    take,
)

RECEIVED = {
    Evt.ASSOCIATE_AC_PDU: None,  # needs the request that it answers
    Evt.ASSOCIATE_RJ_PDU: pdu(3, bytes((0, 1, 1, 3))),
    Evt.ASSOCIATE_RQ_PDU: encode_request(REQUEST),
    Evt.P_DATA_TF_PDU: command_pdu(3, command.c_echo_rq(1)),
    Evt.RELEASE_RQ_PDU: A_RELEASE_RQ,
    Evt.RELEASE_RP_PDU: A_RELEASE_RP,
    Evt.ABORT_PDU: A_ABORT,
    Evt.INVALID_PDU: pdu(0x99),
}


def received(evt: Evt) -> bytes:
    if evt is Evt.ASSOCIATE_AC_PDU:
        acceptor = Association.acceptor()
        take(acceptor, encode_request(REQUEST))
        assert acceptor.request
        return encode_accept(ACCEPT, acceptor.request)
    data = RECEIVED[evt]
    assert data
    return data


LOCAL = {
    Evt.TRANSPORT_CONFIRM: lambda a: a.associate_request(),
    Evt.ACCEPT: lambda a: a.accept(ACCEPT),
    Evt.REJECT: lambda a: a.reject(1, 1, 1),
    Evt.P_DATA_REQUEST: lambda a: a.send_command(3, command.c_echo_rq(1), False),
    Evt.RELEASE_REQUEST: lambda a: a.release(),
    Evt.RELEASE_RESPONSE: lambda a: a.release_reply(),
    Evt.ARTIM_EXPIRED: lambda a: a.artim_expired(),
}


def in_state(state: State) -> Association:
    """An engine that got to `state` over the wire."""
    if state in (State.STA1, State.STA2, State.STA3, State.STA13):
        association = Association.acceptor()
        if state is State.STA1:
            association.connection_lost()
        elif state is not State.STA2:
            take(association, encode_request(REQUEST))
            if state is State.STA13:
                association.reject(1, 1, 1)
    elif state in (State.STA4, State.STA5):
        association = Association.requestor(REQUEST)
        if state is State.STA5:
            association.associate_request()
    else:
        requestor, acceptor = pair()
        association = acceptor if state in (State.STA10, State.STA12) else requestor
        if state in (State.STA7, State.STA9, State.STA10, State.STA11, State.STA12):
            association.release()
        if state in (State.STA8, State.STA9, State.STA10, State.STA11, State.STA12):
            take(association, A_RELEASE_RQ)
        if state is State.STA11:
            association.release_reply()
        if state is State.STA12:
            take(association, A_RELEASE_RP)
    assert association.state is state
    return association


# What each action shows to the shell: the events it yields and the PDU types it sends.
SHOWS: dict[Action, tuple[list[type], list[int]]] = {
    Action.AE_2: ([], [1]),
    Action.AE_3: ([events.AssociationAccepted], []),
    Action.AE_4: ([events.AssociationRejected], []),
    Action.AE_6: ([events.AssociationRequested], []),
    Action.AE_7: ([], [2]),
    Action.AE_8: ([], [3]),
    Action.DT_1: ([], [4]),
    Action.DT_2: ([events.CommandReceived], []),
    Action.AR_1: ([], [5]),
    Action.AR_2: ([events.ReleaseRequested], []),
    Action.AR_3: ([events.Released], []),
    Action.AR_4: ([], [6]),
    Action.AR_5: ([events.ConnectionClosed], []),
    Action.AR_6: ([events.CommandReceived], []),
    Action.AR_7: ([], [4]),
    Action.AR_8: ([events.ReleaseRequested], []),
    Action.AR_9: ([], [6]),
    Action.AR_10: ([events.Released], []),
    Action.AA_1: ([events.PeerFault], [7]),
    Action.AA_2: ([events.Aborted], []),
    Action.AA_3: ([events.Aborted], []),
    Action.AA_4: ([events.ConnectionClosed], []),
    Action.AA_5: ([events.ConnectionClosed], []),
    Action.AA_6: ([], []),
    Action.AA_7: ([events.PeerFault], [7]),
    Action.AA_8: ([events.PeerFault], [7]),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("evt", [each for each in Evt if each not in (Evt.ASSOCIATE_REQUEST, Evt.TRANSPORT_INDICATION)])
def test_every_pair_of_state_and_event(state: State, evt: Evt) -> None:
    association = in_state(state)
    action = TRANSITIONS.get((evt, state))
    yielded: list[object] = []
    sent = b""
    if action is None:
        if evt in LOCAL:
            with pytest.raises(LocalError):
                LOCAL[evt](association)
        elif evt is Evt.ABORT_REQUEST:
            assert association.abort() == b""
        elif evt is Evt.TRANSPORT_CLOSED:
            assert association.connection_lost() == []
        elif state is State.STA4:
            with pytest.raises(LocalError):
                association.receive(received(evt))
        else:
            assert state is State.STA1
            assert take(association, received(evt)) == []
        assert association.state is state
        return
    if evt in LOCAL:
        outcome = LOCAL[evt](association)
        yielded, sent = (outcome, b"") if isinstance(outcome, list) else ([], outcome)
    elif evt is Evt.ABORT_REQUEST:
        sent = association.abort()
    elif evt is Evt.TRANSPORT_CLOSED:
        yielded = list(association.connection_lost())
    else:
        yielded = take(association, received(evt))
        sent = b"".join(event.reply for event in yielded if isinstance(event, events.PeerFault))
    assert association.state is NEXT[action][0]
    expected_events, expected_pdus = SHOWS[action]
    if evt is Evt.ABORT_REQUEST:
        expected_events, expected_pdus = [], [7] if action is Action.AA_1 else []
    if evt is Evt.ARTIM_EXPIRED:
        expected_events = [events.ConnectionClosed]
    assert [type(event) for event in yielded] == expected_events
    assert list(sent[:1]) == expected_pdus
    if action is Action.AA_1:
        assert sent == abort(0, 0)
    if action is Action.AA_8:
        assert sent == abort(2, 1 if evt is Evt.INVALID_PDU else 2)


def test_a_release_collision_leads_the_acceptor_elsewhere() -> None:
    _, acceptor = pair()
    acceptor.release()
    take(acceptor, A_RELEASE_RQ)
    assert acceptor.state is State.STA10


def test_the_machine_starts_where_the_transport_says() -> None:
    assert Association.acceptor().state is State.STA2  # Evt5, AE-5
    assert Association.requestor(REQUEST).state is State.STA4  # Evt1, AE-1


def test_the_table_is_the_one_that_others_read_in_the_standard() -> None:
    ours = {(f"Evt{evt.value}", f"Sta{state.value}"): action.value for (evt, state), action in TRANSITIONS.items()}
    assert ours == fsm.TRANSITION_TABLE


def test_actions_lead_where_others_read_in_the_standard() -> None:
    theirs = {name: (to,) if isinstance(to, str) else to for name, (_, _, to) in fsm.ACTIONS.items()}
    assert {action.value: tuple(f"Sta{state.value}" for state in to) for action, to in NEXT.items()} == theirs
