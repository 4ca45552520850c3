"""Each rule: a scene in which it speaks, and the same scene made right, in which nothing does."""

from __future__ import annotations

import dataclasses
import re

import pytest

from appliance.inspection.engine import Inspection
from appliance.inspection.rules import CATALOGUE
from tests.inspection.scene import CT, MR, OLD_PACS, OWN, PACS, STRANGER, engine, evidence, registry, rules
from tests.inspection.test_tls_hello import client_hello, server_hello
from tests.inspection.wire import ACK, CT_STORAGE, FIN, PSH, RST, SYN, VERIFICATION, Wire, associate, reject, store

URG = 32
SECURITY_ALERTS = {str(code) for code in range(110126, 110143)}  # DICOM CID 403


def test_rules_are_complete_and_their_ids_unique() -> None:
    ids = [rule.id for rule in CATALOGUE]
    assert ids == sorted(set(ids))
    assert set(ids) == {f"D{number:02}" for number in range(1, 49)}
    for rule in CATALOGUE:
        assert rule.title and rule.category
        assert rule.advice.endswith(".")
        assert rule.atna in SECURITY_ALERTS, rule.id
        assert all(re.fullmatch(r"T1\d{3}(\.\d{3})?", each) for each in rule.attack), rule.id
        assert rule.attack or rule.id == "D46"  # what we do ourselves is no technique of an attacker


def ask(
    watching: Inspection, client: str, server: str, port: int = 104, answer: bytes = b"", **request: object
) -> Inspection:
    talk = Wire(watching, client, server, port).open().client(associate(**request))  # type: ignore[arg-type]
    talk.server(answer or associate(2)).close()
    return watching


QUIET = [
    (CT, OWN, 104, {}),
    (CT, OWN, 104, {"called": b"PACSX"}),
    (CT, OLD_PACS, 104, {"called": b"OLDPACS"}),
    ("2001:db8::11", "2001:db8::2", 104, {}),
    (OWN, OLD_PACS, 104, {"calling": b"EDGE01", "called": b"OLDPACS"}),
    (OWN, OLD_PACS, 104, {"calling": b"MR1", "called": b"OLDPACS"}),
]


@pytest.mark.parametrize(("client", "server", "port", "request_"), QUIET)
def test_registered_pairs_are_quiet(client: str, server: str, port: int, request_: dict[str, bytes]) -> None:
    watching = Inspection(registry()) if ":" not in client else _everywhere()
    assert rules(ask(watching, client, server, port, **request_)) == []


def _everywhere() -> Inspection:
    """An engine whose registry takes any address for ours."""
    from appliance.inspection.registry import Registry, Server

    known = registry()
    anywhere = Server("this appliance", None, 104, frozenset({"EDGE01"}), False, True)
    return Inspection(Registry(known.peers, (anywhere,), known.own_titles, known.own, known.decoy))


LOUD = [
    ("D01", STRANGER, OWN, 104, {"calling": b"ROGUE"}, ["D01"]),
    ("D01", CT, OWN, 104, {"calling": b"ROGUE"}, ["D01"]),
    ("D01", CT, OWN, 104, {"calling": b"ct_somatom1"}, ["D01"]),
    ("D01", "10.20.0.13", OWN, 104, {"calling": b"XA1"}, ["D01"]),
    ("D02", CT, OWN, 104, {"called": b"GUESS"}, ["D02"]),
    ("D02", CT, OLD_PACS, 104, {"called": b"EDGE01"}, ["D02"]),
    ("D03", MR, OWN, 104, {}, ["D03"]),
    ("D03", STRANGER, OWN, 104, {"calling": b"EDGE01"}, ["D03"]),
    ("D05", CT, OWN, 104, {"reserved": b"0" + bytes(31)}, ["D05"]),
    ("D05", CT, OWN, 104, {"version_name": b"NMAP_NSE"}, ["D05"]),
    ("D05", CT, OWN, 104, {"contexts": ((1, CT_STORAGE + b"\0"),)}, ["D05"]),
    ("D11", CT, "10.20.0.50", 104, {}, ["D02", "D11"]),
    ("D13", CT, OWN, 104, {"called": b"ARCHIVE"}, ["D13"]),
    ("D15", MR, OWN, 104, {"calling": b"MR1"}, ["D15"]),
    ("D15", CT, OWN, 2762, {}, ["D15"]),
    ("D15", OWN, PACS, 2762, {"calling": b"EDGE01", "called": b"PACS"}, ["D15"]),
    ("D22", CT, OWN, 104, {"contexts": ((2, VERIFICATION),)}, ["D22"]),
]


@pytest.mark.parametrize(("rule", "client", "server", "port", "request_", "spoke"), LOUD)
def test_each_stranger_is_named(
    rule: str, client: str, server: str, port: int, request_: dict[str, bytes], spoke: list[str]
) -> None:
    watching = ask(engine(), client, server, port, **request_)
    records = watching.take_alerts()
    assert [record["alert"]["signature_id"] for record in records] == spoke
    assert evidence(records, rule)


def test_d05_an_old_device_that_pads_its_uids_is_told_for_information_and_blocked_by_nobody() -> None:
    padded = {"contexts": ((1, CT_STORAGE + b"\0"),)}
    for client, severity in ((CT, 3), (STRANGER, 1)):
        watching = Inspection(dataclasses.replace(registry(), respond_rules=frozenset({"D05"}), respond_for=60))
        records = ask(watching, client, OWN, 104, **padded).take_alerts()
        assert [e["alert"]["severity"] for e in records if e["alert"]["signature_id"] == "D05"] == [severity]
        assert [each.rule for each in watching.take_requests()] == (["D05"] if severity == 1 else [])


def test_d11_a_rejecting_server_is_a_server_too() -> None:
    watching = ask(engine(), CT, "10.20.0.50", 104, reject())
    assert evidence(watching.take_alerts(), "D11") == "it rejected an association"


def test_d15_an_association_joined_midway_counts() -> None:
    watching = engine()
    Wire(watching, CT, OWN, 2762).client(store(100_000)[3000:])
    assert set(rules(watching)) == {"D15", "D43"}


TLS = [
    (CT, OWN, 2762, ["D19"]),  # its entry says that it never speaks TLS
    (MR, OWN, 2762, []),
    (OWN, PACS, 2762, []),
    (MR, PACS, 2762, []),
    (STRANGER, OWN, 2762, ["D19"]),
    (STRANGER, PACS, 2762, ["D19"]),
    (STRANGER, "10.20.0.50", 2762, ["D19"]),
    (MR, "10.20.0.50", 11112, ["D19"]),
    (STRANGER, "10.20.0.50", 443, []),
    (MR, OWN, 443, ["D19"]),  # for information: nothing tells what it is for
    (OWN, "10.20.0.50", 443, []),
]


@pytest.mark.parametrize(("client", "server", "port", "spoke"), TLS)
def test_d19_tls_is_allowed_by_an_entry_or_named(client: str, server: str, port: int, spoke: list[str]) -> None:
    watching = engine()
    Wire(watching, client, server, port).open().client(client_hello()).server(server_hello()).client(bytes(5000))
    assert rules(watching) == spoke


def test_d40_a_scan_is_one_alert_with_a_count() -> None:
    watching = engine()
    for port in range(1, 1001):
        Wire(watching, STRANGER, OWN, port, now=1_700_000_000 + port / 100).raw(True, 5, SYN)
    first = watching.take_alerts()
    assert [record["alert"]["signature_id"] for record in first] == ["D40"]
    assert first[0]["src_ip"] == STRANGER
    watching.finish()
    (last,) = watching.take_alerts()
    assert last["alert"]["metadata"]["count"] == 50
    assert last["alert"]["metadata"]["evidence"].startswith("1000 targets")


@pytest.mark.parametrize("flags", [0, FIN, FIN | PSH | URG])
def test_d40_stealth_scans_count_as_well(flags: int) -> None:
    watching = engine()
    for port in range(1, 40):
        Wire(watching, STRANGER, OWN, port).raw(True, 5, flags)
    assert rules(watching) == ["D40"]


def test_d40_busy_servers_are_no_scan() -> None:
    watching = engine()
    for number in range(100):
        talk = (
            Wire(watching, OWN, f"10.20.1.{number}", 80, client_port=50000 + number).open().client(b"GET /\r\n").close()
        )
        talk.raw(True, talk.next[True], ACK)
    assert rules(watching) == []


def test_d43_lost_packets_are_said() -> None:
    watching = engine()
    watching.lost(17, 1.0)
    assert evidence(watching.take_alerts(), "D43") == "packets lost by the capture: 17"


def test_d47_contradicting_segments() -> None:
    watching = engine()
    talk = Wire(watching, CT, OWN).open()
    good, bad = associate(), associate(calling=b"ROGUE")
    talk.raw(True, talk.next[True], ACK, good)  # what we see first; its receiver never got it
    talk.raw(True, talk.next[True], ACK, bad)
    assert rules(watching) == ["D47", "D01"]  # both readings are judged


@pytest.mark.parametrize("flags", [SYN, 0, FIN, ACK, FIN | PSH | URG, SYN | FIN])
def test_d13_any_segment_for_the_decoys_port_is_a_touch(flags: int) -> None:
    watching = Inspection(dataclasses.replace(registry(), decoy_port=11112))
    Wire(watching, STRANGER, OWN, 11112).raw(True, 5, flags)
    assert rules(watching) == ["D13"]


@pytest.mark.parametrize(("target", "port", "flags"), [(OWN, 11113, ACK), (PACS, 11112, ACK), (OWN, 11112, RST)])
def test_d13_other_ports_machines_and_refusals_are_no_touch(target: str, port: int, flags: int) -> None:
    watching = Inspection(dataclasses.replace(registry(), decoy_port=11112))
    Wire(watching, STRANGER, target, port).raw(True, 5, flags)
    assert "D13" not in rules(watching)
