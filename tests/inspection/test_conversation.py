"""Who may send what when."""

from __future__ import annotations

import sys

import pytest

from appliance.inspection.conversation import Conversation
from tests.inspection.scene import CT, OWN, engine, evidence, rules
from tests.inspection.wire import (
    ABORT,
    ACK,
    RELEASE_RP,
    RELEASE_RQ,
    SYN,
    Wire,
    associate,
    command,
    p_data,
    pdv,
    reject,
    store,
)

RQ, AC = associate(), associate(2)
ECHO = p_data(pdv(1, 3, command(0x0030)))

# What the client (>) and the server (<) say after one another, and the violation that is seen.
VIOLATIONS = [
    ((">", RQ), (">", RQ), "client: a second A-ASSOCIATE-RQ"),
    ((">", RQ), ("<", AC), (">", RQ), "client: a second A-ASSOCIATE-RQ"),
    ((">", RQ), ("<", AC), ("<", AC), "server: a second answer, A-ASSOCIATE-AC"),
    ((">", RQ), ("<", reject()), ("<", AC), "server: a second answer, A-ASSOCIATE-AC"),
    ((">", RQ), (">", AC), "client: A-ASSOCIATE-AC from the side that called"),
    (("<", RQ), "server: A-ASSOCIATE-RQ from the side that was called"),
    ((">", RQ), (">", ECHO), "client: P-DATA-TF before A-ASSOCIATE-AC"),
    ((">", ECHO), "client: P-DATA-TF before A-ASSOCIATE-AC"),
    ((">", RQ), ("<", reject()), (">", ECHO), "client: P-DATA-TF after A-ASSOCIATE-RJ"),
    ((">", RQ), ("<", AC), (">", ABORT), (">", ECHO), "client: P-DATA-TF after A-ABORT"),
    ((">", RQ), ("<", AC), (">", RELEASE_RQ), (">", ECHO), "client: P-DATA-TF after the sender's own A-RELEASE-RQ"),
    ((">", RQ), ("<", AC), ("<", RELEASE_RP), "server: A-RELEASE-RP that nobody asked for"),
    ((">", RQ), ("<", AC), ("<", ABORT), (">", RELEASE_RQ), "client: A-RELEASE-RQ after A-ABORT"),
]


@pytest.mark.parametrize("story", VIOLATIONS)
def test_what_the_state_forbids_is_seen(story: tuple[object, ...]) -> None:
    *steps, wanted = story
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    for side, data in steps:  # type: ignore[misc]
        talk.say(side == ">", data)
    assert evidence(watching.take_alerts(), "D23") == f"from the {wanted}"


@pytest.mark.parametrize(
    "steps",
    [
        ((">", RQ), ("<", AC), (">", ECHO), ("<", ECHO), (">", RELEASE_RQ), ("<", RELEASE_RP)),
        ((">", RQ), ("<", AC), ("<", ECHO), ("<", RELEASE_RQ), (">", RELEASE_RP)),
        ((">", RQ), ("<", AC), (">", RELEASE_RQ), ("<", ECHO), ("<", RELEASE_RP)),
        ((">", RQ), ("<", AC), (">", RELEASE_RQ), ("<", RELEASE_RQ), ("<", RELEASE_RP), (">", RELEASE_RP)),
        ((">", RQ), ("<", reject())),
        ((">", RQ), (">", ABORT)),
        ((">", RQ), ("<", AC), (">", store(5000)), ("<", ABORT)),
    ],
)
def test_what_the_state_allows_is_quiet(steps: tuple[tuple[str, bytes], ...]) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    for side, data in steps:
        talk.say(side == ">", data)
    talk.close()
    assert rules(watching) == []


def test_a_tls_server_that_refuses_a_request_in_clear_is_no_fault() -> None:
    watching = engine()
    Wire(watching, CT, OWN, 2762).open().client(RQ).server(b"\x15\x03\x03\0\2\2\x46").close()
    assert rules(watching) == ["D15"]


@pytest.mark.parametrize("opened", [True, False])
def test_an_answer_that_overtook_the_request_waits_for_it(opened: bool) -> None:
    """Two queues of a network card show the server first, perhaps by more than the handshake took."""
    watching = engine()
    talk = Wire(watching, CT, OWN)
    if opened:
        talk.open()
    else:
        talk.lose(True, 1).raw(False, talk.next[False], SYN | ACK)
        talk.lose(False, 1)
    at = talk.next[True]
    talk.lose(True, len(RQ)).server(AC)
    if not opened:
        talk.raw(True, at - 1, SYN)
    talk.raw(True, at, ACK, RQ)
    talk.raw(True, at, ACK, RQ)
    talk.client(store(5000))
    at = talk.next[True]
    talk.lose(True, len(RELEASE_RQ)).server(RELEASE_RP)
    talk.raw(True, at, ACK, RELEASE_RQ)
    talk.close()
    watching.finish()
    counted = watching.snapshot()
    assert (counted["associations"], counted["commands"], counted["blind"]) == (1, 1, 0)
    assert counted["skipped"] > 2000
    assert rules(watching) == []


def test_a_flood_of_faults_is_told_ever_less_often() -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).association().client(ECHO * 1000 + RELEASE_RQ + ECHO * 1000)
    talk.raw(False, talk.next[False], ACK)
    watching.finish()
    assert talk.engine.statistics.commands == 2000
    first, last = watching.take_alerts()
    assert (first["alert"]["signature_id"], first["alert"]["metadata"]["count"]) == ("D23", 1)
    assert last["alert"]["metadata"]["count"] == 14  # 1 to 8, then 16, 32 … 512


def test_a_flow_joined_midway_is_found_said_and_walked() -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN)
    talk.client(store(60_000)[5000:]).server(ECHO).client(store(60_000)).server(ECHO)
    counted = watching.snapshot()
    records = watching.take_alerts()
    assert [(r["alert"]["signature_id"], r["alert"]["severity"]) for r in records] == [("D43", 3)]
    assert counted["commands"] >= 2
    assert counted["skipped"] == 0  # no answer was seen, so nothing was granted


def test_a_flow_joined_at_a_header_is_said_as_well() -> None:
    watching = engine()
    Wire(watching, CT, OWN).client(store(5000)).server(ECHO)
    assert evidence(watching.take_alerts(), "D43").startswith("an association was joined midway")
    assert watching.snapshot()["commands"] == 2


def test_a_flow_joined_at_its_request_knows_who_called() -> None:
    """The SYNs were not seen; the first segment is the answer's. Ports do not tell the sides apart."""
    watching = engine()
    talk = Wire(watching, "10.20.0.99", OWN, port=40000, client_port=30000)
    talk.client(associate(calling=b"ROGUE")).server(AC)
    records = watching.take_alerts()
    assert all(record["src_ip"] == "10.20.0.99" for record in records)
    assert {"D01", "D11"} <= {record["alert"]["signature_id"] for record in records}


def test_what_is_kept_of_an_association_does_not_grow_with_its_contexts() -> None:
    """Thousands of associations may be open, and a request may propose 128 contexts."""
    watching = engine()
    proposed = [(number, b"1.2.840.10008.5.1.4.1.1.%d" % number) for number in range(1, 256, 2)]
    Wire(watching, CT, OWN, mss=9000).open().client(associate(contexts=proposed)).server(
        associate(2, contexts=proposed)
    )
    (stream, _) = watching._table.streams.values()
    conversation = stream.reader.conversation  # type: ignore[attr-defined]
    kept = [getattr(conversation, name) for name in Conversation.__slots__]
    assert sum(map(sys.getsizeof, kept)) < 3000
    assert len(conversation._request.contexts) <= 8
    assert [conversation.contexts[number] for number in (0, 1, 2, 255)] == [0, 1, 0, 1]
