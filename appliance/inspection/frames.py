"""Link, network and transport headers: where in a frame the TCP segment lies (IEEE 802.1Q, RFC 791, 2784, 8200, 9293).

A mirror that comes in GRE, ERSPAN or VXLAN (RFC 2784, 2890, 7348; ERSPAN as in draft-foschiano-erspan) is looked into,
and so are MPLS, PPPoE and IP in IP (RFC 3032, 2516, 2003, 4213).
Pure functions over one frame. They never raise on what a frame says, and never copy payload.
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import NamedTuple

Buffer = bytes | bytearray | memoryview

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
_VLAN_TYPES = frozenset((0x8100, 0x88A8, 0x9100))
_MAX_TAGS = 4
_MAX_WRAPS = 4  # encapsulations within each other
_SNAP = b"\xaa\xaa\x03\0\0\0"  # IEEE 802.2 in front of an Ethernet type; Windows takes IP behind it (RFC 1042)
_LONGEST_802_3 = 1500

TCP, UDP, GRE = 6, 17, 47
_IP_IN_IP, _IPV6_IN_IP = 4, 41
_MPLS, _PPPOE = frozenset((0x8847, 0x8848)), 0x8864
_MAX_LABELS = 8
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60
_ERSPAN_2, _ERSPAN_3, _BRIDGED = 0x88BE, 0x22EB, 0x6558
_VXLAN_PORT = 4789

_ETHERTYPE = struct.Struct("!12xH")
_IPV4 = struct.Struct("!BxHHHxB2x8s")
_IPV6 = struct.Struct("!I HBx32s")
_TCP = struct.Struct("!4sIIBB")
_U16 = struct.Struct("!H")


class Segment(NamedTuple):
    """A TCP segment in a frame.

    `key` is source address, destination address, source port and destination port as they stand on the wire: 12 bytes
    for IPv4, 36 for IPv6. `start` is where the payload begins in the frame, `length` how long it was on the wire.
    `link` is where the Ethernet header begins to which the segment belongs: behind an encapsulation, not 0.
    """

    key: bytes
    seq: int
    ack: int
    flags: int
    start: int
    length: int
    vlans: tuple[int, ...]
    link: int = 0


class Fragment(NamedTuple):
    """A fragment of an IP packet that may carry TCP, or a mirrored frame.

    `fragment_id` tells packets between two hosts apart. The payload is `length` bytes on the wire from `start` in the
    frame, and belongs at `offset` of the packet's. `protocol` is what the payload begins with, where `offset` is 0.
    """

    source: bytes
    target: bytes
    fragment_id: int
    protocol: int
    offset: int
    more: bool
    start: int
    length: int
    vlans: tuple[int, ...]
    link: int


class Unread(Enum):
    """Why it is not known what a frame carries."""

    DEEP = "frames with more tags, labels or tunnels within each other than are looked into"
    CUT = "frames of which the capture kept too little to find their headers"


Found = Segment | Fragment | Unread | None


def parse(frame: Buffer, wire_length: int) -> Found:
    """Find the TCP segment of an Ethernet frame. None where there is none: another protocol, or headers that end."""
    try:
        return _ethernet(frame, 0, wire_length, 0)
    except struct.error:
        return Unread.CUT if len(frame) < wire_length else None


def _ethernet(frame: Buffer, link: int, end: int, wraps: int) -> Found:
    ethertype, at, vlans = _link_header(frame, link)
    if ethertype in _VLAN_TYPES:
        return Unread.DEEP
    return _network(frame, at, end, ethertype, vlans, link, wraps)


def _link_header(frame: Buffer, link: int) -> tuple[int, int, tuple[int, ...]]:
    """The type of what follows the Ethernet header at `link` and its tags, where that begins, and the tags."""
    (ethertype,) = _ETHERTYPE.unpack_from(frame, link)
    at = link + 14
    vlans: tuple[int, ...] = ()
    while ethertype in _VLAN_TYPES and len(vlans) < _MAX_TAGS:
        (tci,) = _U16.unpack_from(frame, at)
        (ethertype,) = _U16.unpack_from(frame, at + 2)
        vlans += (tci & 0x0FFF,)
        at += 4
    if ethertype <= _LONGEST_802_3 and frame[at : at + 6] == _SNAP:
        (ethertype,) = _U16.unpack_from(frame, at + 6)
        at += 8
    return ethertype, at, vlans


def network_header(frame: Buffer, link: int) -> int:
    """Where behind the Ethernet header at `link` the next one begins. Raises struct.error where the frame ends."""
    return _link_header(frame, link)[1]


def _network(frame: Buffer, at: int, end: int, ethertype: int, vlans: tuple[int, ...], link: int, wraps: int) -> Found:
    if ethertype == ETHERTYPE_IPV4:
        return _ipv4(frame, at, end, vlans, link, wraps)
    if ethertype == ETHERTYPE_IPV6:
        return _ipv6(frame, at, end, vlans, link, wraps)
    if ethertype in _MPLS:
        return _mpls(frame, at, end, vlans, link, wraps)
    if ethertype == _PPPOE:
        (kind,) = _U16.unpack_from(frame, at + 6)
        inner = {0x21: ETHERTYPE_IPV4, 0x57: ETHERTYPE_IPV6}.get(kind, 0)
        return _network(frame, at + 8, end, inner, vlans, link, wraps)
    return None


def _mpls(frame: Buffer, at: int, end: int, vlans: tuple[int, ...], link: int, wraps: int) -> Found:
    """What stands behind the labels is not said; its first four bits tell (RFC 4928)."""
    for _ in range(_MAX_LABELS):
        bottom = frame[at + 2 : at + 3]
        at += 4
        if bottom and bottom[0] & 1:
            kind = frame[at : at + 1]
            if kind and kind[0] >> 4 in (4, 6):
                inner = ETHERTYPE_IPV4 if kind[0] >> 4 == 4 else ETHERTYPE_IPV6
                return _network(frame, at, end, inner, vlans, link, wraps)
            if wraps >= _MAX_WRAPS:
                return Unread.DEEP
            return _ethernet(frame, at + 4, end, wraps + 1)  # a pseudowire (RFC 4448)
    return Unread.DEEP


def _ipv4(frame: Buffer, at: int, wire_end: int, vlans: tuple[int, ...], link: int, wraps: int) -> Found:
    version, total, identity, fragment, protocol, addresses = _IPV4.unpack_from(frame, at)
    header = (version & 0x0F) * 4
    if version >> 4 != 4 or header < 20:
        return None
    # The length is zero where the kernel merged more than 64 KiB into one frame.
    end = min(at + total if total else wire_end, wire_end)
    start = at + header
    if fragment & 0x3FFF:  # more fragments, or an offset
        if protocol not in _CARRIES or end < start:
            return None
        offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
        source, target = addresses[:4], addresses[4:]
        return Fragment(source, target, identity, protocol, offset, more, start, end - start, vlans, link)
    return _transport(frame, start, end, protocol, addresses, vlans, link, wraps)


def _ipv6(frame: Buffer, at: int, wire_end: int, vlans: tuple[int, ...], link: int, wraps: int) -> Found:
    version, length, following, addresses = _IPV6.unpack_from(frame, at)
    if version >> 28 != 6:
        return None
    end = min(at + 40 + length if length else wire_end, wire_end)
    return _extended(frame, at + 40, end, following, addresses, vlans, link, wraps)


def _extended(
    frame: Buffer, at: int, end: int, following: int, addresses: bytes, vlans: tuple[int, ...], link: int, wraps: int
) -> Found:
    """What stands behind an IPv6 header: extension headers in any order (RFC 8200 4.1), then the rest.

    As many as the frame holds: receivers take them all.
    """
    while True:
        if following == _FRAGMENT:
            after, offset, identity = struct.unpack_from("!BxHI", frame, at)
            if offset & 0xFFF9:
                # What the others say of the next header does not count (RFC 8200 4.5).
                if (offset < 8 and after not in MAY_CARRY) or end < at + 8:
                    return None
                source, target = addresses[:16], addresses[16:]
                whole = (identity, after, offset & 0xFFF8, bool(offset & 1), at + 8, end - at - 8, vlans, link)
                return Fragment(source, target, *whole)
            following, at = after, at + 8  # an atomic fragment (RFC 6946) is whole
        elif following in (_HOP_BY_HOP, _ROUTING, _DESTINATION):
            following, size = struct.unpack_from("!BB", frame, at)
            at += 8 + size * 8
        elif following == _AUTHENTICATION:
            following, size = struct.unpack_from("!BB", frame, at)
            at += 8 + size * 4
        else:
            return _transport(frame, at, end, following, addresses, vlans, link, wraps)


_CARRIES = frozenset((TCP, UDP, GRE, _IP_IN_IP, _IPV6_IN_IP))
MAY_CARRY = _CARRIES | {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION, _AUTHENTICATION}


def _transport(
    frame: Buffer, at: int, end: int, protocol: int, addresses: bytes, vlans: tuple[int, ...], link: int, wraps: int
) -> Found:
    if protocol == TCP:
        return _tcp(frame, at, end, addresses, vlans, link)
    if protocol not in _CARRIES or (protocol == UDP and _U16.unpack_from(frame, at + 2)[0] != _VXLAN_PORT):
        return None
    if wraps >= _MAX_WRAPS:
        return Unread.DEEP
    if protocol == GRE:
        return _gre(frame, at, end, link, wraps + 1)
    if protocol == _IP_IN_IP:
        return _ipv4(frame, at, end, vlans, link, wraps + 1)
    if protocol == _IPV6_IN_IP:
        return _ipv6(frame, at, end, vlans, link, wraps + 1)
    return _ethernet(frame, at + 16, end, wraps + 1)


def _gre(frame: Buffer, at: int, end: int, link: int, wraps: int) -> Found:
    flags, kind = struct.unpack_from("!HH", frame, at)
    if flags & 0x4007:  # source routing, or another version
        return None
    at += 4 + (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0)
    if flags & 0x1000:
        at += 4
    if kind == _ERSPAN_2:
        return _ethernet(frame, at + 8 if flags & 0x1000 else at, end, wraps)  # type I has neither number nor header
    if kind == _ERSPAN_3:
        (tail,) = _U16.unpack_from(frame, at + 10)
        return _ethernet(frame, at + (20 if tail & 1 else 12), end, wraps)
    if kind == _BRIDGED:
        return _ethernet(frame, at, end, wraps)
    return _network(frame, at, end, kind, (), link, wraps)


def _tcp(frame: Buffer, at: int, end: int, addresses: bytes, vlans: tuple[int, ...], link: int) -> Segment | None:
    ports, seq, ack, offset, flags = _TCP.unpack_from(frame, at)
    start = at + (offset >> 4) * 4
    if start < at + 20 or start > end:
        return None
    return Segment(addresses + ports, seq, ack, flags, start, end - start, vlans, link)


def begins_tunnel(fragment: Fragment, frame: Buffer) -> bool:
    """Whether a fragment is the first of a UDP datagram that carries a mirrored frame."""
    port = frame[fragment.start + 2 : fragment.start + 4]
    return fragment.offset == 0 and port == _U16.pack(_VXLAN_PORT)


def within_packet(packet: Buffer, protocol: int, addresses: bytes, vlans: tuple[int, ...]) -> Found:
    """What the payload of an IP packet that was put together from fragments holds."""
    try:
        six = len(addresses) == 32
        read = _extended if six else _transport
        return read(packet, 0, len(packet), protocol, addresses, vlans, 0, 0)
    except struct.error:
        return None
