"""Operations in both directions at a time: the acceptor reports while the requestor stores (PS3.7 D.3.3.3)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.association import Association, Awaiting, CommandReceived
from appliance.upper_layer.command import CommandField, CommandSet, c_store_rq, c_store_rsp, response
from tests.upper_layer.wire import CT, CUTS, Cut, commands, pair, take

STORE = c_store_rq(7, CT, "1.2.3.4")
REPORT = CommandSet(
    command_field=CommandField.N_EVENT_REPORT_RQ,
    message_id=7,  # of another direction, so it may be that of the other request
    affected_sop_class="1.2.840.10008.1.20.1",
    affected_sop_instance="1.2.840.10008.1.20.1.1",
    event_type=1,
)
PIXELS, SAID = b"p" * 5000, b"s" * 900


def store(requestor: Association) -> Iterator[bytes]:
    yield requestor.send_command(1, STORE, True)
    yield from requestor.send_data(1, PIXELS, True)


def report(acceptor: Association) -> bytes:
    return acceptor.send_command(1, REPORT, True) + b"".join(acceptor.send_data(1, SAID, True))


@pytest.mark.parametrize("cut", CUTS)
def test_a_report_crosses_a_store(cut: Cut) -> None:
    requestor, acceptor = pair(max_pdu=1024, requestor_max_pdu=128)
    pdus = list(store(requestor))
    stored = [event for pdu in pdus[:3] for event in take(acceptor, pdu, cut)]
    assert acceptor.inside_message
    heard = take(requestor, report(acceptor), cut)
    assert commands(heard)[0].event_type == 1
    assert heard[-1] == ("data", 1, SAID, True)
    for pdu in pdus[3:]:
        stored += take(acceptor, pdu, cut)
    assert b"".join(each[2] for each in stored if isinstance(each, tuple)) == PIXELS
    assert stored[-1][3] and not acceptor.inside_message
    answers = acceptor.send_command(1, c_store_rsp(STORE, 0), False)
    answered = requestor.send_command(1, response(commands(heard)[0], 0), False)
    assert [each.command_field for each in commands(take(requestor, answers, cut))] == [CommandField.C_STORE_RSP]
    (taken,) = take(acceptor, answered, cut)
    assert isinstance(taken, CommandReceived)
    assert taken.command.command_field == CommandField.N_EVENT_REPORT_RSP
    assert (taken.command.message_id_responded_to, taken.command.status) == (7, 0)
    assert acceptor.awaiting is requestor.awaiting is Awaiting.MESSAGE


def test_no_answer_may_stand_in_the_middle_of_a_report() -> None:
    _, acceptor = pair()
    acceptor.send_command(1, REPORT, True)
    with pytest.raises(LocalError, match="in the middle"):
        acceptor.send_command(1, c_store_rsp(STORE, 0), False)


def test_the_peer_may_have_released_as_the_report_went_out() -> None:
    requestor, acceptor = pair()
    crossing = report(acceptor)
    release = requestor.release()
    assert [type(each).__name__ for each in take(requestor, crossing)] == ["CommandReceived", "tuple"], "AR-6"
    assert [type(each).__name__ for each in take(acceptor, release)] == ["ReleaseRequested"]
    assert [type(each).__name__ for each in take(requestor, acceptor.release_reply())] == ["Released"]
    assert not requestor.can_send
