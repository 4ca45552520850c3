"""D04, D18, D24 to D27, D37, D40: what repetition shows, and the same below its threshold."""

from __future__ import annotations

import dataclasses
import ipaddress
import struct

import pytest

from appliance.base import limits
from appliance.inspection.engine import Inspection
from tests.inspection.scene import CT, OLD_PACS, OWN, PACS, STRANGER, engine, evidence, rules
from tests.inspection.test_tls_hello import client_hello
from tests.inspection.wire import (
    ABORT,
    ACK,
    FIN,
    RST,
    SYN,
    VERIFICATION,
    Wire,
    associate,
    command,
    p_data,
    pdv,
    reject,
    store,
)

GUESSES = limits.SENSOR_GUESSES.default


def guesses(watching: Inspection, count: int, answer: bytes, titles: int = 1, first: int = 0) -> None:
    """Associations of the CT, under so many names in turn; all of them are registered, and its server rejects them."""
    peer = watching.registry.peers[0]
    names = (*peer.ae_titles, *(f"CT{number}" for number in range(1, titles)))
    known = peer.model_copy(update={"ae_titles": names})
    watching.registry = dataclasses.replace(watching.registry, peers=(known, *watching.registry.peers[1:]))
    for number in range(first, first + count):
        talk = Wire(watching, CT, OWN, client_port=40000 + number, now=1_700_000_000 + number)
        talk.open().client(associate(calling=names[number % titles].encode())).server(answer).close()


@pytest.mark.parametrize("reason", [3, 7])
def test_d04_rejected_names(reason: int) -> None:
    watching = engine()
    guesses(watching, GUESSES - 1, reject(1, 1, reason), GUESSES)
    assert rules(watching) == []
    guesses(watching, 1, reject(1, 1, reason), GUESSES, GUESSES - 1)
    records = watching.take_alerts()
    assert evidence(records, "D04") == "10 AE titles were rejected within a minute"
    assert records[0]["src_ip"] == CT


@pytest.mark.parametrize("reason", [3, 7])
def test_d04_who_has_a_wrong_setting_tries_it_again_and_again(reason: int) -> None:
    watching = engine()
    guesses(watching, 59, reject(1, 1, reason))
    assert rules(watching) == []


@pytest.mark.parametrize("answer", [reject(1, 1, 1), reject(2, 1, 7), associate(2)])
def test_d04_other_answers_are_no_guesses(answer: bytes) -> None:
    watching = engine()
    guesses(watching, 30, answer, 30)
    assert "D04" not in rules(watching)


def test_d04_names_that_nobody_has_are_counted_each_once() -> None:
    for titles, spoke in ((GUESSES, True), (GUESSES - 1, False)):
        watching = engine()
        for number in range(40):
            called = b"GUESS%d" % (number % titles)
            Wire(watching, CT, OWN, client_port=40000 + number).open().client(associate(called=called))
        assert ("D04" in rules(watching)) is spoke


def test_d04_slow_guesses_are_not_seen_and_a_window_is_a_minute() -> None:
    watching = engine()
    for number in range(40):
        talk = Wire(watching, CT, OWN, client_port=40000 + number, now=1_700_000_000 + number * 7)
        talk.open().client(associate()).server(reject(1, 1, 7)).close()
    assert rules(watching) == []


def tls_alerts(watching: Inspection, count: int, code: int, server: str = PACS, port: int = 2762) -> None:
    for number in range(count):
        talk = Wire(watching, OWN, server, port, client_port=40000 + number).open().client(client_hello())
        talk.server(b"\x15\x03\x03\0\2\2" + bytes((code,)))


@pytest.mark.parametrize("code", [42, 45, 48, 116])
def test_d18_certificates_that_are_refused(code: int) -> None:
    watching = engine()
    tls_alerts(watching, limits.SENSOR_TLS_ALERTS.default - 1, code)
    assert rules(watching) == []
    tls_alerts(watching, 1, code)
    assert rules(watching) == ["D18"]


def test_d18_other_alerts_and_other_servers_are_none_of_it() -> None:
    watching = engine()
    tls_alerts(watching, 20, 0)
    tls_alerts(watching, 20, 48, "10.20.0.80", 443)
    assert rules(watching) == []


def test_d24_a_request_that_does_not_end() -> None:
    watching = engine()
    half = Wire(watching, CT, OWN).open().client(associate()[:50])
    whole = Wire(watching, CT, OWN, client_port=50001).open().client(associate())
    watching.tick(half.now + limits.SENSOR_ARTIM.default - 5)
    assert rules(watching) == []
    watching.tick(half.now + limits.SENSOR_ARTIM.default + 5)
    assert evidence(watching.take_alerts(), "D24") == "no whole request within 35 s"
    watching.tick(whole.now + 2 * limits.SENSOR_ARTIM.default)
    assert rules(watching) == []


def test_d24_other_protocols_may_be_slow() -> None:
    watching = engine()
    talk = Wire(watching, CT, "10.20.0.80", 8080).open().client(b"\x01\0")
    watching.tick(talk.now + 100)
    assert rules(watching) == []


@pytest.mark.parametrize(("server", "spoke"), [(OWN, ["D24"]), ("10.20.0.80", ["D11"])])
def test_d24_connections_without_a_byte(server: str, spoke: list[str]) -> None:
    watching = engine()
    for number in range(limits.SENSOR_STALLED.default):
        talk = Wire(watching, CT, server, 104, client_port=40000 + number).open()
    watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
    assert rules(watching) == spoke


@pytest.mark.parametrize(("port", "spoke"), [(11112, ["D11"]), (443, [])])
def test_d11_who_listens_at_a_port_of_dicom_is_told_for_information(port: int, spoke: list[str]) -> None:
    watching = engine()
    for number in range(3):
        talk = Wire(watching, STRANGER, "10.20.0.80", port, client_port=40000 + number).open().close()
    watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
    records = watching.take_alerts()
    assert [(each["alert"]["signature_id"], each["alert"]["severity"]) for each in records] == [(e, 3) for e in spoke]
    if spoke:
        assert evidence(records, "D11") == "10.20.0.80 answers at port 11112, which is DICOM's; 10.20.0.99 tried it"


def test_d24_a_check_whether_the_port_is_open_is_none() -> None:
    """A load balancer, or a monitor, connects and closes every few seconds."""
    watching = engine()
    for number in range(12):
        talk = Wire(watching, CT, OWN, 104, client_port=40000 + number, now=1_700_000_000 + 5 * number).open()
        if number % 2:
            talk.close()
        else:
            talk.raw(True, talk.next[True], RST | ACK)
    watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
    assert rules(watching) == []
    for number in range(12):
        talk = Wire(watching, CT, OWN, 104, client_port=50000 + number, now=1_700_001_000 + number).open()
        talk.raw(True, talk.next[True] + 1000, FIN | ACK)  # of no connection that its server knows
    watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
    assert rules(watching) == ["D24"]


def test_d25_half_open_connections_whoever_sends_them() -> None:
    for count, spoke in ((limits.SENSOR_BACKLOG.default, ["D25"]), (limits.SENSOR_BACKLOG.default - 1, [])):
        watching = engine()
        for number in range(count):
            talk = Wire(watching, f"10.20.{1 + number % 250}.9", OWN, 104, client_port=40000 + number)
            talk.raw(True, talk.next[True], SYN)
            talk.next[True] += 1
            talk.raw(False, talk.next[False], SYN | ACK)
        watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
        assert rules(watching) == spoke


def test_d24_a_few_silent_connections_are_no_attack() -> None:
    watching = engine()
    for number in range(limits.SENSOR_STALLED.default - 1):
        talk = Wire(watching, CT, OWN, 104, client_port=40000 + number).open()
    watching.tick(talk.now + limits.SENSOR_OPENING_WAIT.default + 2)
    assert rules(watching) == []


def test_d25_associations_that_are_never_released() -> None:
    watching = engine()
    most = limits.SENSOR_CONCURRENT.default
    for number in range(most - 1):
        Wire(watching, CT, OWN, client_port=40000 + number).association()
    assert rules(watching) == []
    Wire(watching, CT, OWN, client_port=30000).association()
    assert evidence(watching.take_alerts(), "D25") == f"{most} associations of one pair are open"


def test_d25_associations_that_end_are_not_counted() -> None:
    watching = engine()
    for number in range(3 * limits.SENSOR_CONCURRENT.default):
        talk = Wire(watching, CT, OWN, client_port=40000 + number, now=1_700_000_000 + number * 20)
        talk.association().close()
    assert rules(watching) == []


def test_d25_a_server_that_has_no_room() -> None:
    watching = engine()
    guesses(watching, limits.SENSOR_BUSY_REJECTS.default - 1, reject(2, 3, 2))
    assert rules(watching) == []
    guesses(watching, 1, reject(2, 3, 1))
    assert rules(watching) == ["D25"]


@pytest.mark.parametrize(("source", "spoke"), [(2, ["D26"]), (0, [])])
def test_d26_aborts_of_a_provider(source: int, spoke: list[str]) -> None:
    watching = engine()
    for number in range(limits.SENSOR_ABORTS.default):
        talk = Wire(watching, CT, OWN, client_port=40000 + number).association()
        talk.server(ABORT[:8] + bytes((source, 0))).close()
    assert rules(watching) == spoke


def test_d27_malformed_in_many_ways() -> None:
    ways = (
        associate(contexts=((2, VERIFICATION),)),
        associate(calling=b"\xff" * 16),
        associate(contexts=((1, b"x.y"),)),
        associate(contexts=()),
    )
    for count, spoke in ((4, True), (3, False)):
        watching = engine()
        for number, request in enumerate(ways[:count] * 3):
            Wire(watching, CT, OWN, client_port=40000 + number).open().client(request)
        assert ("D27" in rules(watching)) is spoke


@pytest.mark.parametrize(("status", "spoke"), [(0xA700, ["D37"]), (0xC001, ["D37"]), (0x0000, []), (0xB000, [])])
def test_d37_instances_that_are_not_stored(status: int, spoke: list[str]) -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).association()
    answer = p_data(pdv(1, 3, command(0x8001, more=struct.pack("<HHIH", 0, 0x0900, 2, status))))
    for _ in range(limits.SENSOR_FAILED_STORES.default - 1):
        talk.client(store(10)).server(answer)
    assert rules(watching) == []
    talk.client(store(10)).server(answer)
    assert rules(watching) == spoke


@pytest.mark.parametrize(
    ("contexts", "spoke"), [(((1, VERIFICATION),), True), (((1, VERIFICATION), (3, b"1.2")), False)]
)
def test_d40_an_echo_to_everybody(contexts: tuple[tuple[int, bytes], ...], spoke: bool) -> None:
    watching = engine()
    for number in range(limits.SENSOR_ECHO_SWEEP.default):
        Wire(watching, STRANGER, f"10.20.0.{100 + number}", 104).open().client(associate(contexts=contexts))
    assert ("D40" in rules(watching)) is spoke


def test_d40_a_monitor_that_verifies_registered_servers_is_none() -> None:
    watching = engine()
    known, (_, old, *_) = watching.registry, watching.registry.servers
    here = frozenset(ipaddress.ip_address(f"10.20.0.{100 + number}") for number in range(9))
    watching.registry = dataclasses.replace(known, servers=(dataclasses.replace(old, addresses=here),))
    for number in range(9):
        request = associate(called=b"OLDPACS", contexts=((1, VERIFICATION),))
        Wire(watching, CT, f"10.20.0.{100 + number}", 104).open().client(request)
    assert rules(watching) == []


def test_a_busy_site_is_quiet() -> None:
    """A gateway that fans out, a PACS with many associations one after the other, each released."""
    watching = engine()
    for number in range(300):
        now = 1_700_000_000 + number * 3
        talk = Wire(watching, OWN, OLD_PACS, client_port=20000 + number, now=now).open()
        talk.client(associate(called=b"OLDPACS", calling=b"EDGE01")).server(associate(2)).client(store(3000))
        talk.server(p_data(pdv(1, 3, command(0x8001)))).close()
    assert rules(watching) == []
    assert watching.snapshot()["blind"] == 0


def test_d13_the_decoy_port() -> None:
    known = engine().registry
    import dataclasses

    for target, spoke in ((OWN, ["D13"]), ("10.20.0.80", [])):
        watching = Inspection(dataclasses.replace(known, decoy_port=11112))
        Wire(watching, STRANGER, target, 11112).raw(True, 5, SYN)
        Wire(watching, STRANGER, target, 11113).raw(True, 5, SYN)
        records = watching.take_alerts()
        assert [each["alert"]["signature_id"] for each in records] == spoke
        if spoke:
            assert (records[0]["src_ip"], records[0]["dest_ip"]) == (STRANGER, OWN)
            assert evidence(records, "D13") == "tried port 11112"
