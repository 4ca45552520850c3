"""A mirror that comes in an encapsulation: GRE, ERSPAN I to III, VXLAN; crafted by scapy where it knows them."""

from __future__ import annotations

import struct

import pytest

from appliance.inspection.frames import Segment, parse
from tests.inspection.scene import OWN, STRANGER, engine
from tests.inspection.test_fragments import fragment, pieces
from tests.inspection.wire import ACK, associate, frame

INNER = frame(STRANGER, 40000, OWN, 104, 7, 1, ACK, associate(calling=b"ROGUE"), vlans=(30,))
PACKET = INNER[18:]  # without Ethernet header and tag


def ip(protocol: int, body: bytes, six: bool = False) -> bytes:
    link = b"\x02\0\0\0\0\x0a\x02\0\0\0\0\x0b"
    if six:
        header = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"
        return link + b"\x86\xdd" + header + body
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 9, 0, 64, protocol, 0) + bytes(
        (192, 0, 2, 1, 192, 0, 2, 2)
    )
    return link + b"\x08\0" + header + body


ERSPAN_1 = ip(47, struct.pack("!HH", 0, 0x88BE) + INNER)
ERSPAN_2 = ip(47, struct.pack("!HHI", 0x1000, 0x88BE, 5) + struct.pack("!HHI", 0x1000 | 30, 7, 0) + INNER)
ERSPAN_3 = ip(47, struct.pack("!HHI", 0x1000, 0x22EB, 5) + struct.pack("!HHIHH", 0x2000, 7, 1, 0, 0) + INNER)
ERSPAN_3_LONG = ip(
    47, struct.pack("!HHI", 0x1000, 0x22EB, 5) + struct.pack("!HHIHH", 0x2000, 7, 1, 0, 1) + bytes(8) + INNER
)
BRIDGED = ip(47, struct.pack("!HH", 0, 0x6558) + INNER)
KEYED = ip(47, struct.pack("!HHII", 0x2000, 0x6558, 1, 0)[:8] + INNER)
ROUTED = ip(47, struct.pack("!HH", 0, 0x0800) + PACKET)
VXLAN = ip(17, struct.pack("!HHHH", 50000, 4789, 16 + len(INNER), 0) + b"\x08\0\0\0\0\0\x1e\0" + INNER)
TWICE = ip(47, struct.pack("!HH", 0, 0x6558) + ERSPAN_2)
SIX = ip(47, struct.pack("!HH", 0, 0x6558) + INNER, six=True)


@pytest.mark.parametrize(
    "outer", [ERSPAN_1, ERSPAN_2, ERSPAN_3, ERSPAN_3_LONG, BRIDGED, KEYED, ROUTED, VXLAN, TWICE, SIX]
)
def test_what_a_mirror_wraps_is_seen(outer: bytes) -> None:
    found = parse(outer, len(outer))
    assert isinstance(found, Segment)
    assert outer[found.start : found.start + found.length] == associate(calling=b"ROGUE")
    assert (found.seq, found.vlans) == (7, () if outer is ROUTED else (30,))
    watching = engine()
    watching.inspect([(1.0, outer, len(outer), None)])
    (record,) = watching.take_alerts()
    assert (record["alert"]["signature_id"], record["src_ip"]) == ("D01", STRANGER)
    if outer is not ROUTED:
        assert record["ether"]["src_mac"] == "02:00:00:00:00:01"


@pytest.mark.parametrize(
    "outer",
    [
        ip(47, struct.pack("!HH", 1, 0x6558) + INNER),  # another version
        ip(47, struct.pack("!HH", 0, 0x1234) + INNER),
        ip(17, struct.pack("!HHHH", 50000, 4788, 16 + len(INNER), 0) + b"\x08\0\0\0\0\0\x1e\0" + INNER),
        ERSPAN_3[:60],
        ip(47, b"\x10\0"),
    ],
)
def test_what_is_none_is_passed_over(outer: bytes) -> None:
    assert parse(outer, len(outer)) is None


def test_a_mirror_that_was_fragmented_on_its_way_is_seen() -> None:
    watching = engine()
    for offset, more, data in pieces(ERSPAN_2[34:], 128):
        made = fragment(ERSPAN_2, offset, more, data)
        watching.inspect([(1.0, made, len(made), None)])
    (record,) = watching.take_alerts()
    assert (record["alert"]["signature_id"], record["ether"]["src_mac"]) == ("D01", "02:00:00:00:00:01")


def test_scapy_wraps_alike() -> None:
    from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
    from scapy.layers.inet import IP
    from scapy.layers.l2 import GRE, Ether

    for middle in (
        GRE(proto=0x88BE, seqnum_present=1, sequence_number=1) / ERSPAN_II(),
        GRE(proto=0x22EB, seqnum_present=1, sequence_number=1) / ERSPAN_III(),
    ):
        outer = bytes(Ether() / IP(src="192.0.2.1", dst="192.0.2.2") / middle / Ether(INNER))
        found = parse(outer, len(outer))
        assert isinstance(found, Segment)
        assert found.seq == 7
