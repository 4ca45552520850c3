"""Of whom a block is asked, and that nobody can aim it at somebody else by forging an address."""

from __future__ import annotations

import dataclasses
import struct

from appliance.inspection.block_request import BlockRequest
from appliance.inspection.engine import Inspection
from tests.inspection.scene import OWN, STRANGER, registry
from tests.inspection.wire import ACK, PSH, RST, SYN, Wire, associate, reject

RULES = frozenset(("D04", "D05", "D13", "D27"))


def engine(rules: frozenset[str] = RULES) -> Inspection:
    return Inspection(dataclasses.replace(registry(), respond_rules=rules, respond_for=600), "eth1")


def wire(inspection: Inspection, **more: object) -> Wire:
    return Wire(inspection, **{"client": STRANGER, "server": OWN, **more})  # type: ignore[arg-type]


DECOY = associate(called=b"ARCHIVE", calling=b"ROGUE")


def asked(inspection: Inspection) -> list[BlockRequest]:
    requests = inspection.take_requests()
    assert any(record["alert"]["signature_id"] == "D13" for record in inspection.take_alerts())
    return requests


def test_who_touches_the_decoy_is_asked_for() -> None:
    inspection = engine()
    wire(inspection).open().client(DECOY)
    (request,) = asked(inspection)
    assert (request.rule, str(request.source), request.source_port) == ("D13", STRANGER, 50000)
    assert (str(request.target), request.target_port, request.seconds) == (OWN, 104, 600)
    assert request.acknowledged


def test_nothing_is_asked_for_by_default() -> None:
    inspection = Inspection(registry(), "eth1")
    wire(inspection).open().client(DECOY)
    assert asked(inspection) == []


def test_what_is_no_rule_to_block_for_asks_for_nothing() -> None:
    inspection = engine(frozenset(("D05",)))
    wire(inspection).open().client(DECOY)
    assert asked(inspection) == []


def test_at_a_server_that_nobody_registered_nothing_is_asked_for() -> None:
    inspection = engine()
    wire(inspection, server="10.20.0.77").open().client(DECOY)
    assert asked(inspection) == []


def test_the_same_source_is_asked_for_once_in_a_while() -> None:
    inspection = engine()
    first = wire(inspection).open().client(DECOY)
    second = wire(inspection, client_port=50001, now=first.now + 1).open().client(DECOY)
    assert len(asked(inspection)) == 1
    wire(inspection, client_port=50002, now=second.now + 10).open().client(DECOY)
    assert len(inspection.take_requests()) == 1


# Forged addresses. The alert comes in each case; what is asked for says that it proves nothing.


def doubtful(inspection: Inspection) -> None:
    assert [request.acknowledged for request in asked(inspection)] == [False]


def test_a_blind_spoofer_does_not_know_the_number_to_acknowledge() -> None:
    inspection = engine()
    forged = wire(inspection)
    forged.raw(True, 1000, SYN)
    forged.next[True] += 1
    forged.raw(False, 900_000, SYN | ACK)
    forged.next[False] = 123  # a guess
    forged.raw(True, 1001, ACK)
    forged.client(DECOY)
    doubtful(inspection)


def test_a_request_without_a_handshake_proves_nothing() -> None:
    inspection = engine()
    wire(inspection).client(DECOY)
    doubtful(inspection)


def test_data_in_a_syn_proves_nothing() -> None:
    inspection = engine()
    wire(inspection).raw(True, 1000, SYN, DECOY)
    doubtful(inspection)


def test_a_client_that_never_saw_an_answer_proves_nothing() -> None:
    inspection = engine()
    forged = wire(inspection)
    forged.raw(True, 1000, SYN)
    forged.next[True] += 1
    forged.client(DECOY)
    doubtful(inspection)


def test_two_different_answers_to_one_syn_prove_nothing() -> None:
    inspection = engine()
    forged = wire(inspection)
    forged.raw(True, 1000, SYN)
    forged.next[True] += 1
    forged.raw(False, 555, SYN | ACK)
    forged.raw(False, 900_000, SYN | ACK)
    forged.next[False] += 1
    forged.client(DECOY)
    doubtful(inspection)


def test_the_same_answer_twice_is_a_retransmission() -> None:
    inspection = engine()
    honest = wire(inspection)
    honest.raw(True, 1000, SYN)
    honest.next[True] += 1
    for _ in range(2):
        honest.raw(False, 900_000, SYN | ACK)
    honest.next[False] += 1
    honest.client(DECOY)
    assert [request.acknowledged for request in asked(inspection)] == [True]


def test_an_answer_that_acknowledges_another_syn_proves_nothing() -> None:
    inspection = engine()
    forged = wire(inspection)
    forged.raw(True, 1000, SYN)
    forged.next[True] = 7777  # what the answer acknowledges
    forged.raw(False, 900_000, SYN | ACK)
    forged.next = {True: 1001, False: 900_001}
    forged.client(DECOY)
    doubtful(inspection)


def test_the_owner_of_the_address_may_say_that_it_knows_of_nothing() -> None:
    inspection = engine()
    forged = wire(inspection)
    forged.raw(True, 1000, SYN)
    forged.next[True] += 1
    forged.raw(False, 900_000, SYN | ACK)
    forged.next[False] += 1
    forged.raw(True, 1001, RST)
    forged.client(DECOY)
    doubtful(inspection)


def test_bytes_that_contradict_each_other_prove_nothing() -> None:
    inspection = engine()
    forged = wire(inspection).open()
    forged.raw(True, 1001, ACK | PSH, DECOY[:30])
    forged.raw(True, 1001, ACK | PSH, b"\x01" + bytes(29))
    forged.raw(True, 1031, ACK | PSH, DECOY[30:])
    assert all(not request.acknowledged for request in asked(inspection))


def test_a_conversation_inside_a_tunnel_proves_nothing() -> None:
    inspection = engine()
    inner = wire(inspection)
    now = 1_700_000_000.0

    def send(from_client: bool, seq: int, flags: int, payload: bytes = b"") -> None:
        whole = inner.build(from_client, seq, flags, payload)
        vxlan = struct.pack("!BxxxI", 8, 5 << 8) + whole
        udp = struct.pack("!HHHH", 5000, 4789, 8 + len(vxlan), 0) + vxlan
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), bytes(4))
        outer = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\x00" + header + udp
        inspection.inspect([(now, memoryview(outer), len(outer), None)])

    send(True, 1000, SYN)
    inner.next[True] += 1
    send(False, 900_000, SYN | ACK)
    inner.next[False] += 1
    send(True, 1001, ACK)
    send(True, 1001, ACK | PSH, DECOY)
    doubtful(inspection)


def guesses(inspection: Inspection, count: int, start: int = 0, honest: bool = True, now: float = 1_700_000_000.0):  # type: ignore[no-untyped-def]
    for number in range(start, start + count):
        talk = wire(inspection, client_port=50000 + number, now=now + number)
        if honest:
            talk.open()
        talk.client(associate(called=b"GUESS%d" % number, calling=b"ROGUE")).server(reject())


def test_a_guesser_of_names_is_asked_for() -> None:
    inspection = engine(frozenset(("D04",)))
    guesses(inspection, 10)
    assert [(request.rule, request.acknowledged) for request in inspection.take_requests()] == [("D04", True)]


def test_forged_guesses_do_not_add_up_to_a_block() -> None:
    inspection = engine(frozenset(("D04",)))
    guesses(inspection, 9, honest=False)
    guesses(inspection, 1, start=9)  # the owner of the address makes one honest mistake
    requests = inspection.take_requests()
    assert requests
    assert not any(request.acknowledged for request in requests)


def test_what_a_server_does_is_not_its_clients_fault() -> None:
    inspection = engine(frozenset(("D22",)))
    talk = wire(inspection).open().client(associate())
    talk.server(b"\x09\0\0\0\0\4\0\0\0\0" + bytes(80))
    rules = {record["alert"]["signature_id"] for record in inspection.take_alerts()}
    assert "D22" in rules
    assert inspection.take_requests() == []


def test_a_flood_of_findings_asks_for_a_bounded_number() -> None:
    inspection = engine()
    for number in range(200):
        client = f"10.30.{number // 250}.{number % 250 + 1}"
        Wire(inspection, client=client, server=OWN).open().client(DECOY)
    assert len(inspection.take_requests()) <= 64
