"""Groups 6 and 7 of the evasions: fragments and extension headers; tags, tunnels and encapsulated mirrors."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.inspection.evasions.stranger import BAD
from tests.inspection.scene import OWN, STRANGER, engine, rules
from tests.inspection.test_fragments import fragment, pieces
from tests.inspection.wire import ACK, PSH, frame

WHOLE = frame(STRANGER, 40000, OWN, 104, 7, 1, ACK | PSH, BAD)
SIX = frame("2001:db8::99", 40000, "2001:db8::2", 104, 7, 1, ACK | PSH, BAD)
MACS, PACKET, PACKET_6 = WHOLE[:12], WHOLE[14:], SIX[14:]


def hear(*frames: bytes, finish: bool = False) -> set[str]:
    watching = engine()
    for number, each in enumerate(frames):
        watching.inspect([(1.0 + number * 0.001, each, len(each), None)])
    if finish:
        watching.finish()
    return set(rules(watching))


@pytest.mark.parametrize("whole", [WHOLE, SIX])
@pytest.mark.parametrize("size", [8, 24, 96])
def test_group_6_fragments_of_any_size(whole: bytes, size: int) -> None:
    """Fragments of eight bytes split the header of TCP, which no honest sender does."""
    payload = whole[34:] if whole is WHOLE else whole[54:]
    heard = hear(*(fragment(whole, *each) for each in pieces(payload, size)))
    assert "D01" in heard
    assert ("D48" in heard) is (size < 20)


@pytest.mark.parametrize("rogue_first", [True, False])
def test_group_6_fragments_that_overlap_and_differ(rogue_first: bool) -> None:
    good = frame(STRANGER, 40000, OWN, 104, 7, 1, ACK | PSH, BAD.replace(b"ROGUE      ", b"CT_SOMATOM1"))
    first, second = (WHOLE, good) if rogue_first else (good, WHOLE)
    parts = pieces(first[34:], 48)
    made = [fragment(first, *each) for each in parts[:-1]]
    made += [fragment(second, *each) for each in pieces(second[34:], 48)[:-1]]
    assert hear(*made, fragment(first, *parts[-1])) >= {"D48", "D01"}


def test_group_6_a_fragment_that_never_comes_is_told() -> None:
    parts = [fragment(WHOLE, *each) for each in pieces(WHOLE[34:], 48)]
    assert hear(*parts[1:], finish=True) == set()  # nothing but a hole until it is given up
    watching = engine()
    watching.inspect([(1.0, each, len(each), None) for each in parts[1:]])
    watching.tick(100.0)
    assert rules(watching) == ["D43"]


@pytest.mark.parametrize(
    "extensions",
    [
        b"\x00" + bytes((60, 0, 1, 4, 0, 0, 0, 0)) + bytes((6, 0, 1, 4, 0, 0, 0, 0)),  # hop-by-hop, destination options
        b"\x3c" + bytes((43, 1)) + bytes(14) + bytes((6, 0, 0, 0)) + bytes(4),  # destination options, routing
        b"\x2c" + struct.pack("!BxHI", 6, 0, 99),  # an atomic fragment
        b"\x00" + bytes((44, 0, 1, 4, 0, 0, 0, 0)) + struct.pack("!BxHI", 60, 0, 5) + bytes((6, 0, 1, 4, 0, 0, 0, 0)),
    ],
)
def test_group_6_chains_of_extension_headers(extensions: bytes) -> None:
    made = frame("2001:db8::99", 40000, "2001:db8::2", 104, 7, 1, ACK, BAD, extensions=extensions)
    assert "D01" in hear(made)


@pytest.mark.parametrize("count", [9, 150])
@pytest.mark.parametrize("kind", [60, 43])
def test_group_6_longer_chains_than_anybody_needs(kind: int, count: int) -> None:
    """Linux takes 150 destination options or routing headers in front of TCP."""
    padding = b"\0\1\4\0\0\0\0" if kind == 60 else bytes(7)
    chain = bytes((kind,)) + (bytes((kind,)) + padding) * (count - 1) + b"\6" + padding
    assert "D01" in hear(frame("2001:db8::99", 40000, "2001:db8::2", 104, 7, 1, ACK, BAD, extensions=chain))


@pytest.mark.parametrize("atomic", [True, False])
def test_group_6_fragments_of_a_fragment(atomic: bool) -> None:
    """RFC 8200 forbids none of that; receivers differ."""
    tcp = SIX[54:]
    inner = [(0, False, tcp)] if atomic else pieces(tcp, 96)
    heard = []
    for number, (offset, more, data) in enumerate(inner):
        head = bytes((6, 0)) + struct.pack("!HI", offset | more, 5)
        outer = bytearray(SIX[:54])
        outer[20] = 44
        heard += [fragment(bytes(outer), *each, 100 + number) for each in pieces(head + data, 56)]
    assert "D01" in hear(*heard)


@pytest.mark.parametrize("tunnel", ["GRE, bridged", "VXLAN"])
def test_group_6_a_mirrored_fragment_in_fragments(tunnel: str) -> None:
    """A frame that the mirror wraps grows, and is fragmented on its way."""
    heard = []
    for number, part in enumerate(pieces(WHOLE[34:], 96)):
        wrapped = MACS + b"\x08\0" + TUNNELS[tunnel].replace(WHOLE, b"") + fragment(WHOLE, *part)
        heard += [fragment(wrapped, *each, 100 + number) for each in pieces(wrapped[34:], 80)]
    assert hear(*heard) == {"D01"}


def test_group_6_other_fragments_of_udp_are_nothing() -> None:
    """They are no holes either: nobody waits for their rest."""
    datagram = MACS + b"\x08\0" + _ip(17, struct.pack("!HHHH", 50000, 53, 1008, 0) + bytes(1000))
    watching = engine()
    for number in range(5):
        for part in pieces(datagram[34:], 96)[number % 2 :]:
            made = fragment(datagram, *part, number)
            watching.inspect([(1.0, made, len(made), None)])
    watching.tick(100.0)
    assert rules(watching) == []


def test_group_6_a_jumbogram() -> None:
    """RFC 2675: the length is zero, and an option has the real one."""
    option = bytes((6, 0, 0xC2, 4)) + struct.pack("!I", 8 + len(SIX) - 54)
    made = bytearray(frame("2001:db8::99", 40000, "2001:db8::2", 104, 7, 1, ACK, BAD, extensions=b"\x00" + option))
    made[18:20] = b"\0\0"
    assert "D01" in hear(bytes(made))


def test_group_6_options_of_ip() -> None:
    """A record-route option moves TCP where a fixed offset does not look."""
    header = bytearray(PACKET[:20]) + b"\x07\x07\x04\0\0\0\0\0"
    header[0] = 0x47
    header[2:4] = struct.pack("!H", len(PACKET) + 8)
    assert hear(MACS + b"\x08\0" + bytes(header) + PACKET[20:]) == {"D01"}


def test_group_6_later_fragments_that_lie_about_what_they_carry() -> None:
    """The next header of any but the first does not count (RFC 8200 4.5)."""
    made = [bytearray(fragment(SIX, *each)) for each in pieces(SIX[54:], 96)]
    for each in made[1:]:
        each[54] = 59
    assert "D01" in hear(*map(bytes, made))


def _tags(*tags: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("!HH", kind, vlan) for kind, vlan in tags)


def _snap(body: bytes) -> bytes:
    """A frame that says its length in place of a type (RFC 1042). Windows takes IP in it."""
    return struct.pack("!H", 6 + len(body)) + b"\xaa\xaa\x03\0\0\0" + body


WRAPPED = {
    "a VLAN tag": _tags((0x8100, 20)) + b"\x08\0" + PACKET,
    "a priority tag": _tags((0x8100, 0xE000)) + b"\x08\0" + PACKET,
    "QinQ": _tags((0x88A8, 20), (0x8100, 30)) + b"\x08\0" + PACKET,
    "three tags": _tags((0x9100, 1), (0x8100, 20), (0x8100, 30)) + b"\x08\0" + PACKET,
    "802.2 and SNAP": _snap(b"\x08\0" + PACKET),
    "802.2 and SNAP, IPv6, in a VLAN": _tags((0x8100, 20)) + _snap(b"\x86\xdd" + PACKET_6),
    "MPLS": b"\x88\x47" + struct.pack("!I", 16 << 12 | 1 << 8 | 64) + PACKET,
    "MPLS, three labels": b"\x88\x47" + struct.pack("!III", 1 << 12, 2 << 12, 3 << 12 | 1 << 8) + PACKET,
    "MPLS, IPv6": b"\x88\x47" + struct.pack("!I", 2 << 12 | 1 << 8 | 64) + PACKET_6,
    "MPLS in a VLAN": _tags((0x8100, 20)) + b"\x88\x47" + struct.pack("!I", 16 << 12 | 1 << 8) + PACKET,
    "PPPoE": b"\x88\x64\x11\0\0\x07" + struct.pack("!HH", len(PACKET) + 2, 0x21) + PACKET,
    "PPPoE, IPv6": b"\x88\x64\x11\0\0\x07" + struct.pack("!HH", len(PACKET_6) + 2, 0x57) + PACKET_6,
}


@pytest.mark.parametrize("how", WRAPPED)
def test_group_7_tags_and_labels(how: str) -> None:
    assert "D01" in hear(MACS + WRAPPED[how])


def _ip(protocol: int, body: bytes) -> bytes:
    return (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 9, 0, 64, protocol, 0)
        + bytes((192, 0, 2, 1, 192, 0, 2, 2))
        + body
    )


TUNNELS = {
    "GRE": _ip(47, struct.pack("!HH", 0, 0x0800) + PACKET),
    "GRE, bridged": _ip(47, struct.pack("!HH", 0, 0x6558) + WHOLE),
    "ERSPAN II": _ip(47, struct.pack("!HHI", 0x1000, 0x88BE, 5) + struct.pack("!HHI", 0x1000, 7, 0) + WHOLE),
    "ERSPAN III": _ip(47, struct.pack("!HHI", 0x1000, 0x22EB, 5) + struct.pack("!HHIHH", 0x2000, 7, 1, 0, 0) + WHOLE),
    "VXLAN": _ip(17, struct.pack("!HHHH", 50000, 4789, 16 + len(WHOLE), 0) + b"\x08\0\0\0\0\0\x1e\0" + WHOLE),
    "IP in IP": _ip(4, PACKET),
    "IPv6 in IP": _ip(41, PACKET_6),
    "MPLS in GRE": _ip(47, struct.pack("!HH", 0, 0x8847) + struct.pack("!I", 16 << 12 | 1 << 8) + PACKET),
}


@pytest.mark.parametrize("how", TUNNELS)
def test_group_7_tunnels(how: str) -> None:
    assert "D01" in hear(MACS + b"\x08\0" + TUNNELS[how])


def _labelled(inner: bytes) -> bytes:
    if inner[12:14] == b"\x88\x47":
        return inner[:14] + bytes(4) + inner[14:]
    return MACS + b"\x88\x47" + struct.pack("!I", 1 << 8) + inner[14:]


# How to wrap a frame in one more of its kind, and how many are looked into.
DEEP: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "tags": (4, lambda inner: inner[:12] + _tags((0x8100, 20)) + inner[12:]),
    "labels": (8, _labelled),
    "pseudowires": (4, lambda inner: MACS + b"\x88\x47\0\0\1\0" + bytes(4) + inner),
    "IP in IP": (4, lambda inner: MACS + b"\x08\0" + _ip(4, inner[14:])),
    "GRE": (4, lambda inner: MACS + b"\x08\0" + _ip(47, struct.pack("!HH", 0, 0x6558) + inner)),
}


@pytest.mark.parametrize("how", DEEP)
def test_group_7_more_within_each_other_than_is_looked_into_is_told(how: str) -> None:
    most, wrap = DEEP[how]
    made = WHOLE
    for _ in range(most):
        made = wrap(made)
    assert hear(made) >= {"D01"}
    assert hear(wrap(made)) == {"D43"}


@pytest.mark.parametrize("snap", [14, 40, 54, 60])
@pytest.mark.parametrize("whole", [WHOLE, SIX])
def test_a_capture_that_keeps_too_little_of_each_frame_says_so(whole: bytes, snap: int) -> None:
    """tcpdump once kept 68 bytes, and a capture from elsewhere may have any limit."""
    watching = engine()
    watching.inspect([(1.0, whole[:snap], len(whole), None)])
    assert rules(watching) == ["D43"]


def test_a_capture_of_other_protocols_may_keep_little() -> None:
    """What is left alone after its first bytes is not missed."""
    web = frame(STRANGER, 40000, OWN, 80, 7, 1, ACK | PSH, b"GET /index.html HTTP/1.0\r\n" * 20)
    watching = engine()
    watching.inspect([(1.0, web[:68], len(web), None)])
    assert rules(watching) == []
