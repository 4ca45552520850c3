"""What is kept of a flow that a rule spoke about: its control PDUs and nothing else."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from appliance.base import limits
from appliance.inspection.engine import Inspection
from appliance.inspection.evidence import EvidencePacket
from appliance.inspection.evidence_frames import frames
from appliance.inspection.frames import Segment, parse
from tests.inspection.scene import CT, OWN, STRANGER, registry
from tests.inspection.wire import ABORT, RELEASE_RP, RELEASE_RQ, Wire, associate, reject, store

SECRET = b"PATIENT^SECRET"


def engine() -> Inspection:
    inspection = Inspection(registry(), "eth1")
    inspection.keep_evidence()
    return inspection


def payloads(packets: list[EvidencePacket]) -> list[bytes]:
    found = []
    for each in packets:
        segment = parse(memoryview(each.frame), len(each.frame))
        assert isinstance(segment, Segment)
        found.append(each.frame[segment.start : segment.start + segment.length])
    return found


def test_a_strangers_association_is_kept_from_its_request_to_its_end() -> None:
    inspection = engine()
    request, answer = associate(calling=b"ROGUE"), associate(2)
    talk = Wire(inspection, STRANGER, OWN).open().client(request).server(answer)
    talk.client(store(50_000, fill=SECRET)).client(RELEASE_RQ).server(RELEASE_RP).close()
    packets = inspection.take_evidence()
    assert payloads(packets) == [request, answer, RELEASE_RQ, RELEASE_RP]
    assert [each.comment for each in packets] == ["D01 unknown calling AE title", "", "", ""]
    assert not any(SECRET in each.frame for each in packets)
    assert inspection.take_evidence() == []


def test_what_no_rule_minds_is_not_kept() -> None:
    inspection = engine()
    Wire(inspection, CT, OWN).association().client(store(5000)).client(RELEASE_RQ).close()
    assert inspection.take_evidence() == []


def test_what_comes_before_a_rule_speaks_is_kept_as_well() -> None:
    inspection = engine()
    request = associate()
    talk = Wire(inspection, CT, OWN).open().client(request).server(associate(2))
    assert inspection.take_evidence() == []
    talk.server(associate(2))  # a second answer: D23
    packets = inspection.take_evidence()
    assert payloads(packets)[:2] == [request, associate(2)]
    assert packets[0].comment.startswith("D23 ")


def test_without_being_asked_nothing_is_kept() -> None:
    inspection = Inspection(registry(), "eth1")
    Wire(inspection, STRANGER, OWN).open().client(associate(calling=b"ROGUE"))
    assert inspection.take_evidence() == []
    assert "D01" in {record["alert"]["signature_id"] for record in inspection.take_alerts()}


def test_a_frame_with_bulk_data_behind_a_pdu_brings_none_of_it() -> None:
    inspection = engine()
    request = associate(calling=b"ROGUE")
    Wire(inspection, STRANGER, OWN, mss=9000).open().client(request + store(2000, fill=SECRET))
    assert payloads(inspection.take_evidence()) == [request]


def test_frames_stand_where_they_stood() -> None:
    inspection = engine()
    request = associate(calling=b"ROGUE")
    talk = Wire(inspection, STRANGER, OWN, client_isn=0xFFFFFFF0, vlans=(30,)).open()
    talk.client(request).server(reject()).client(ABORT)
    packets = inspection.take_evidence()
    segments = [parse(memoryview(each.frame), len(each.frame)) for each in packets]
    assert all(isinstance(each, Segment) for each in segments)
    assert [each.seq for each in segments if isinstance(each, Segment)] == [
        0xFFFFFFF1,
        900_001,
        (0xFFFFFFF1 + len(request)) & 0xFFFFFFFF,
    ]
    assert {each.vlans for each in segments if isinstance(each, Segment)} == {(30,)}
    assert packets[0].frame[:12] == b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
    assert packets[1].frame[:12] == b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1, 9, 1400, 1401, 5000])
def test_frames_have_checksums_that_fit(version: int, size: int) -> None:
    ends = ("10.20.0.99", "10.20.0.2") if version == 4 else ("2001:db8::99", "2001:db8::2")
    addresses = b"".join(ipaddress.ip_address(each).packed for each in ends)
    data = bytes(range(256)) * 20
    made = frames(addresses + b"\xc3\x50\x00\x68", bytes(12), (), 0xFFFFFF00, 77, data[:size])
    assert b"".join(payloads([EvidencePacket(0, each, "") for each in made])) == data[:size]
    for each in made:
        ip = each[14:]
        header = 20 if version == 4 else 40
        assert version == 6 or total(ip[:20]) == 0xFFFF
        segment = ip[header:]
        assert total(addresses + struct.pack("!II", len(segment), 6) + segment) == 0xFFFF


def total(data: bytes) -> int:
    value = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def test_a_flow_that_never_ends_fills_no_memory() -> None:
    inspection = engine()
    talk = Wire(inspection, STRANGER, OWN).open().client(associate(calling=b"ROGUE")).server(associate(2))
    for _ in range(3000):
        talk.client(associate(calling=b"ROGUE"))
    kept = sum(map(len, payloads(inspection.take_evidence())))
    assert kept <= limits.EVIDENCE_FLOW.default
    assert inspection.snapshot()["evidence_missed"] > 0


def test_what_is_not_taken_is_bounded_too() -> None:
    inspection = engine()
    for number in range(400):
        talk = Wire(inspection, f"10.30.{number // 200}.{number % 200 + 1}", OWN).open()
        talk.client(associate(calling=b"ROGUE", extra=b"\x50\0\x4e\x20" + bytes(20000)))
    held = sum(len(each.frame) for each in inspection.take_evidence())
    assert limits.EVIDENCE_PENDING.default // 2 < held <= limits.EVIDENCE_PENDING.default
    assert inspection.snapshot()["evidence_missed"] > 0


def test_what_was_kept_of_a_flow_goes_with_it() -> None:
    inspection = engine()
    before = inspection.snapshot()["memory"]
    talk = Wire(inspection, CT, OWN).association().client(RELEASE_RQ).server(RELEASE_RP).close()
    inspection.tick(talk.now + 60)
    inspection.tick(talk.now + 120)
    assert (inspection.snapshot()["flows"], inspection.snapshot()["memory"]) == (0, before)
