"""Link, network and transport headers: where in a frame the TCP segment lies (IEEE 802.1Q, RFC 791, 8200, 9293).

Pure functions over one frame. They never raise on what a frame says, and never copy payload.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

Buffer = bytes | bytearray | memoryview

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
_VLAN_TYPES = frozenset((0x8100, 0x88A8, 0x9100))
_MAX_TAGS = 4
_MAX_EXTENSIONS = 8

TCP = 6
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60

_ETHERTYPE = struct.Struct("!12xH")
_IPV4 = struct.Struct("!BxH2xHxB2x8s")
_IPV6 = struct.Struct("!I HBx32s")
_TCP = struct.Struct("!4sIIBB")
_U16 = struct.Struct("!H")


class Segment(NamedTuple):
    """A TCP segment in a frame.

    `key` is source address, destination address, source port and destination port as they stand on the wire: 12 bytes
    for IPv4, 36 for IPv6. `start` is where the payload begins in the frame, `length` how long it was on the wire.
    """

    key: bytes
    seq: int
    ack: int
    flags: int
    start: int
    length: int
    vlans: tuple[int, ...]


class Fragment(NamedTuple):
    """A fragment of an IP packet that carries TCP. Nothing behind it was looked at."""

    source: bytes
    target: bytes


def parse(frame: Buffer, wire_length: int) -> Segment | Fragment | None:
    """Find the TCP segment of an Ethernet frame. None when there is none: another protocol, or headers cut short."""
    try:
        (ethertype,) = _ETHERTYPE.unpack_from(frame)
        at = 14
        vlans: tuple[int, ...] = ()
        while ethertype in _VLAN_TYPES and len(vlans) < _MAX_TAGS:
            (tci,) = _U16.unpack_from(frame, at)
            (ethertype,) = _U16.unpack_from(frame, at + 2)
            vlans += (tci & 0x0FFF,)
            at += 4
        if ethertype == ETHERTYPE_IPV4:
            return _ipv4(frame, at, wire_length, vlans)
        if ethertype == ETHERTYPE_IPV6:
            return _ipv6(frame, at, wire_length, vlans)
    except struct.error:
        pass
    return None


def _ipv4(frame: Buffer, at: int, wire_length: int, vlans: tuple[int, ...]) -> Segment | Fragment | None:
    version, total, fragment, protocol, addresses = _IPV4.unpack_from(frame, at)
    header = (version & 0x0F) * 4
    if version >> 4 != 4 or header < 20 or protocol != TCP:
        return None
    if fragment & 0x3FFF:  # more fragments, or an offset
        return Fragment(addresses[:4], addresses[4:])
    end = at + (total or wire_length - at)  # zero where the kernel merged more than 64 KiB into one frame
    return _tcp(frame, at + header, min(end, wire_length), addresses, vlans)


def _ipv6(frame: Buffer, at: int, wire_length: int, vlans: tuple[int, ...]) -> Segment | Fragment | None:
    version, length, following, addresses = _IPV6.unpack_from(frame, at)
    if version >> 28 != 6:
        return None
    end = at + 40 + length if length else wire_length
    at += 40
    for _ in range(_MAX_EXTENSIONS):
        if following == TCP:
            return _tcp(frame, at, min(end, wire_length), addresses, vlans)
        if following == _FRAGMENT:
            after, offset = struct.unpack_from("!BxH", frame, at)
            if offset & 0xFFF9:
                return Fragment(addresses[:16], addresses[16:]) if after in _MAY_CARRY_TCP else None
            following, at = after, at + 8  # an atomic fragment (RFC 6946) is whole
        elif following in (_HOP_BY_HOP, _ROUTING, _DESTINATION):
            following, size = struct.unpack_from("!BB", frame, at)
            at += 8 + size * 8
        elif following == _AUTHENTICATION:
            following, size = struct.unpack_from("!BB", frame, at)
            at += 8 + size * 4
        else:
            return None
    return None


_MAY_CARRY_TCP = frozenset((TCP, _HOP_BY_HOP, _ROUTING, _DESTINATION, _AUTHENTICATION))


def _tcp(frame: Buffer, at: int, end: int, addresses: bytes, vlans: tuple[int, ...]) -> Segment | None:
    ports, seq, ack, offset, flags = _TCP.unpack_from(frame, at)
    start = at + (offset >> 4) * 4
    if start < at + 20 or start > end:
        return None
    return Segment(addresses + ports, seq, ack, flags, start, end - start, vlans)
