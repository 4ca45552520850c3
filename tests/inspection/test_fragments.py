"""IP fragments: put together in any order, bounded, and what no honest sender makes is named."""

from __future__ import annotations

import random
import struct

import pytest

from appliance.base import limits
from appliance.inspection.engine import Inspection
from tests.inspection.scene import CT, OWN, STRANGER, engine, evidence, rules
from tests.inspection.wire import ACK, Wire, associate, frame

Piece = tuple[int, bool, bytes]


def fragment(whole: bytes, offset: int, more: bool, data: bytes, number: int = 77) -> bytes:
    """A frame that carries a part of the IP payload of another one."""
    if whole[12:14] == b"\x08\0":
        header = bytearray(whole[14:34])
        header[2:4] = struct.pack("!H", 20 + len(data))
        header[4:6] = struct.pack("!H", number)
        header[6:8] = struct.pack("!H", offset // 8 | (0x2000 if more else 0))
        return whole[:14] + bytes(header) + data
    header = bytearray(whole[14:54])
    header[4:6] = struct.pack("!H", 8 + len(data))
    following, header[6] = header[6], 44
    return whole[:14] + bytes(header) + struct.pack("!BxHI", following, offset | more, number) + data


def pieces(payload: bytes, size: int) -> list[Piece]:
    cuts = range(0, len(payload), size)
    return [(at, at + size < len(payload), payload[at : at + size]) for at in cuts]


def send(watching: Inspection, whole: bytes, parts: list[Piece], now: float = 1.0, number: int = 77) -> Inspection:
    for offset, more, data in parts:
        made = fragment(whole, offset, more, data, number)
        watching.inspect([(now, made, len(made), None)])
    return watching


def request(client: str = STRANGER, server: str = OWN, calling: bytes = b"ROGUE") -> tuple[bytes, bytes]:
    """A frame with an A-ASSOCIATE-RQ, and its IP payload."""
    whole = frame(client, 40000, server, 104, 1, 1, ACK, associate(calling=calling))
    return whole, whole[34 if ":" not in client else 54 :]


HOSTS = [(STRANGER, OWN), ("2001:db8::99", "2001:db8::2")]


@pytest.mark.parametrize("hosts", HOSTS)
@pytest.mark.parametrize("size", [24, 64, 160])
def test_a_request_in_fragments_is_seen_in_any_order(hosts: tuple[str, str], size: int) -> None:
    whole, payload = request(*hosts)
    for seed in range(5):
        parts = pieces(payload, size)
        random.Random(seed).shuffle(parts)
        watching = send(engine(), whole, parts)
        assert "D01" in rules(watching)
        said = watching.snapshot()
        assert (said["blind"], said["faults"], said["fragments"]) == (0, 0, len(parts))
        assert said["associations"] == 1


def test_copies_of_a_fragment_are_no_overlap() -> None:
    whole, payload = request(CT, calling=b"CT_SOMATOM1")
    watching = send(engine(), whole, sorted(pieces(payload, 64) * 2))
    assert watching.take_alerts() == []


def test_both_readings_of_fragments_that_overlap_are_judged() -> None:
    whole, honest = request(CT, calling=b"CT_SOMATOM1")
    _, other = request(CT, calling=b"ROGUE")
    assert len(honest) == len(other)
    parts = [(0, True, honest[:96]), (0, True, other[:96]), (96, False, honest[96:])]
    watching = send(engine(), whole, parts)
    records = watching.take_alerts()
    assert {each["alert"]["signature_id"] for each in records} == {"D48", "D47", "D01"}
    assert evidence(records, "D48") == "fragments that overlap"
    assert evidence(records, "D01").startswith('calling "ROGUE"')
    reverse = send(engine(), whole, [parts[1], parts[0], parts[2]])
    assert {"D48", "D01"} <= set(rules(reverse))


def test_fragments_that_overlap_and_agree_are_named_all_the_same() -> None:
    whole, payload = request(CT, calling=b"CT_SOMATOM1")
    assert rules(send(engine(), whole, [(0, True, payload[:96]), (88, False, payload[88:])])) == ["D48"]


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ([(0, True, bytes(8))], "a first fragment too small for a TCP header"),
        ([(65528, True, bytes(80))], "a fragment that makes a packet longer than any may be"),
        ([(80, False, bytes(8)), (160, False, bytes(8))], "two last fragments of one packet"),
    ],
)
def test_fragments_that_no_honest_sender_makes(parts: list[Piece], what: str) -> None:
    whole, _ = request()
    records = send(engine(), whole, parts).take_alerts()
    assert evidence(records, "D48") == what
    assert (records[0]["src_ip"], records[0]["dest_ip"]) == (STRANGER, OWN)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_number_that_is_used_again_behind_a_lost_fragment_is_no_overlap(lost: int) -> None:
    """A remote mirror counts to 65,536 in a second. What was lost on its way is said, and nobody is accused."""
    (first, one), (second, two) = request(CT, calling=b"CT_SOMATOM1"), request(STRANGER)
    watching = engine()
    parts = pieces(one, 96)
    send(watching, first, parts[:lost] + parts[lost + 1 :], now=1.0)
    send(watching, first, [(0, True, two[:96]), (96, False, two[96:])], now=2.0)
    watching.finish()
    watching.tick(50.0)
    assert set(rules(watching)) == {"D01", "D43"}
    assert second[:12] == first[:12]


def test_a_last_fragment_of_which_the_capture_kept_a_part_is_a_hole() -> None:
    whole, payload = request()
    watching = engine()
    for part in pieces(payload, 96):
        made = fragment(whole, *part)
        watching.inspect([(1.0, made if part[1] else made[:-8], len(made), None)])
    assert watching.snapshot()["associations"] == 0
    watching.tick(100.0)
    assert "D43" in rules(watching)


def test_a_packet_that_never_comes_together_is_given_up_and_said() -> None:
    whole, payload = request()
    watching = send(engine(), whole, pieces(payload, 64)[:-1])
    assert watching.snapshot()["memory"] > 0
    watching.tick(2.0 + limits.SENSOR_FRAGMENT_WAIT.default)
    assert evidence(watching.take_alerts(), "D43") == "IP packets of which fragments are missing"
    assert watching.snapshot()["memory"] == 0


def test_fragments_are_bounded_in_packets_pieces_and_bytes() -> None:
    whole, _ = request()
    watching = engine()
    for number in range(2000):
        send(watching, whole, [(0, True, bytes(1400))], number=number)
        assert watching.snapshot()["memory"] <= (limits.SENSOR_FRAGMENTED.default + 1) * 1400
    for offset in range(0, 60000, 8):
        send(watching, whole, [(offset + 8, True, bytes(8))], number=3000)
    said = watching.snapshot()
    assert said["memory"] <= (limits.SENSOR_FRAGMENTED.default + 1) * 1400
    assert said["faults"] == 0
    watching.finish()
    assert watching.snapshot()["memory"] == 0


def test_large_fragments_are_bounded_in_bytes_too() -> None:
    """Frames of 9,000 bytes, and more versions of one place than anybody needs: other fragments go, no flow does."""
    whole, _ = request()
    watching = engine()
    talk = Wire(watching, CT, OWN).open().client(associate()[:60])
    for number in range(256):
        for version in range(20):
            send(watching, whole, [(8 * version, True, bytes([version]) * 8800)], number=number)
    assert watching.snapshot()["memory"] <= limits.SENSOR_MEMORY.default + 8800
    assert (watching.snapshot()["evicted"], watching.flows) == (0, 1)
    assert "D01" not in rules(watching)
    talk.client(associate()[60:])
    assert watching.snapshot()["associations"] == 1


def test_fragments_of_other_protocols_cost_nothing() -> None:
    whole, payload = request()
    udp = bytearray(whole)
    udp[23] = 17
    watching = send(engine(), bytes(udp), pieces(payload, 64))
    said = watching.snapshot()
    assert (said["fragments"], said["memory"]) == (4, 0)
