"""ARP, DHCP, neighbour discovery and spanning tree, decoded by scapy. The only file of this room that loads it.

A decoder gives a value or None. It may raise anything: who calls counts that, and goes on (`link_watch.py`). Nothing is
decoded that the first bytes do not announce, so most frames cost two comparisons.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from appliance.config.values import Address
from appliance.inspection.frames import ETHERTYPE_IPV4, ETHERTYPE_IPV6, UDP, Buffer

_ARP = 0x0806
_ICMPV6 = 58
_ADVERTISEMENT, _NEIGHBOUR = 134, 136
_TAGS = frozenset((0x8100, 0x88A8, 0x9100))
_DTP_TARGET, _DTP_SNAP = bytes.fromhex("01000ccccccc"), bytes.fromhex("aaaa0300000c2004")
_CDP_SNAP = bytes.fromhex("aaaa0300000c2000")
_LLDP = 0x88CC
_EXTENSIONS = frozenset((0, 43, 44, 60))  # hop-by-hop, routing, fragment, destination options
_FRAGMENT = 44
_CONFIGURE = frozenset((3, 24, 25, 31))  # prefix, route, name servers, search list (RFC 4861, 4191, 8106)
_SERVES = frozenset((2, 5, 6))  # DHCPOFFER, DHCPACK, DHCPNAK (RFC 2132 9.6)
_ACKNOWLEDGED = 5


@dataclass(frozen=True, slots=True)
class Announcement:
    """An ARP packet or a neighbour advertisement: who says that it has an address.

    `target` is whom an ARP packet asks or tells; `sender` the Ethernet address inside the packet.
    """

    address: Address
    sender: str
    source: str  # of the frame
    how: str
    is_reply: bool
    target: Address | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Somebody hands out addresses, or is a router. `given` is an address and the Ethernet address that got it."""

    server: Address
    mac: str
    how: str
    given: tuple[Address, str] | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A spanning tree configuration (IEEE 802.1D): its root bridge."""

    mac: str
    root: str


@dataclass(frozen=True, slots=True)
class Trunking:
    """A frame of Cisco's Dynamic Trunking Protocol, with which a host may ask for all VLANs."""

    mac: str


@dataclass(frozen=True, slots=True)
class Neighbouring:
    """A frame in which a switch, or whoever wants to pass for one, says what it is: LLDP (IEEE 802.1AB) or CDP."""

    mac: str
    how: str


Said = Announcement | Offer | Tree | Trunking | Neighbouring


def prepare() -> None:
    """Load scapy's layers now, which takes a third of a second, and not at the first ARP packet."""
    from scapy.layers import dhcp, inet6, l2  # noqa: F401


def decode(frame: Buffer) -> Said | None:
    """What an Ethernet frame says below TCP. Raises whatever a decoder raises on what no decoder foresaw."""
    if len(frame) < 18:
        return None
    at = 12
    (kind,) = struct.unpack_from("!H", frame, at)
    while kind in _TAGS and len(frame) >= at + 6:
        at += 4
        (kind,) = struct.unpack_from("!H", frame, at)
    at += 2
    mac = bytes(frame[6:12]).hex(":")
    if kind == _ARP:
        return _arp(bytes(frame[at : at + 28]), mac)
    if kind == ETHERTYPE_IPV4:
        return _dhcp(frame, at, mac)
    if kind == ETHERTYPE_IPV6:
        return _ipv6(frame, at, mac)
    if kind == _LLDP:
        return Neighbouring(mac, "LLDP")
    if kind <= 1500:
        return _llc(frame, at, mac)
    return None


def _arp(data: bytes, mac: str) -> Announcement | None:
    from scapy.layers.l2 import ARP

    said = ARP(data)
    if said.hwtype != 1 or said.ptype != ETHERTYPE_IPV4 or len(data) < 28:
        return None
    address, target = ipaddress.ip_address(str(said.psrc)), ipaddress.ip_address(str(said.pdst))
    return Announcement(address, str(said.hwsrc), mac, "ARP", int(said.op) == 2, target)


def _dhcp(frame: Buffer, at: int, mac: str) -> Offer | None:
    header = (frame[at] & 15) * 4
    if frame[at + 9] != UDP or struct.unpack_from("!H", frame, at + 6)[0] & 0x1FFF or len(frame) < at + header + 8:
        return None
    source, target = struct.unpack_from("!HH", frame, at + header)
    if source != 67 or target not in (67, 68):
        return None
    from scapy.layers.dhcp import BOOTP, DHCP

    said = BOOTP(bytes(frame[at + header + 8 :]))
    listed = said[DHCP].options if DHCP in said else ()
    options: dict[str, object] = dict(each[:2] for each in listed if isinstance(each, tuple))
    kind = options.get("message-type")
    if said.op != 2 or kind not in _SERVES:
        return None
    server = ipaddress.ip_address(
        str(options.get("server_id") or ipaddress.ip_address(bytes(frame[at + 12 : at + 16])))
    )
    given = ipaddress.ip_address(str(said.yiaddr)), bytes(said.chaddr)[:6].hex(":")
    return Offer(server, mac, "DHCP", given if kind == _ACKNOWLEDGED else None)


def _ipv6(frame: Buffer, at: int, mac: str) -> Announcement | Offer | None:
    following = frame[at + 6]
    source = ipaddress.IPv6Address(bytes(frame[at + 8 : at + 24]))
    hops, body = frame[at + 7], at + 40
    while following in _EXTENSIONS:  # they hide advertisements from switches (RFC 7113 2)
        if following == _FRAGMENT and struct.unpack_from("!H", frame, body + 2)[0] & 0xFFF8:
            return None
        following, size = frame[body], 8 if following == _FRAGMENT else (frame[body + 1] + 1) * 8
        body += size
    if following == UDP and bytes(frame[body : body + 4]) == b"\x02\x23\x02\x22":  # from 547 to 546
        return Offer(source, mac, "DHCPv6") if frame[body + 8] in (2, 7, 10) else None
    if following != _ICMPV6 or hops != 255:  # a hop limit below that comes from elsewhere (RFC 4861 7.1)
        return None
    if frame[body] == _ADVERTISEMENT:
        return Offer(source, mac, "router advertisement") if _configures(bytes(frame[body:])) else None
    if frame[body] != _NEIGHBOUR:
        return None
    from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr

    said = ICMPv6ND_NA(bytes(frame[body:]))
    if ICMPv6NDOptDstLLAddr not in said:
        return None
    address = ipaddress.ip_address(str(said.tgt))
    return Announcement(address, str(said[ICMPv6NDOptDstLLAddr].lladdr), mac, "neighbour discovery", True)


def _configures(advertisement: bytes) -> bool:
    """Whether a router advertisement has hosts use somebody: as a router (RFC 4861 4.2), for a prefix, or for names."""
    if struct.unpack_from("!H", advertisement, 6)[0]:
        return True
    at = 16
    while at + 2 <= len(advertisement) and advertisement[at + 1]:
        if advertisement[at] in _CONFIGURE:
            return True
        at += advertisement[at + 1] * 8
    return False


def _llc(frame: Buffer, at: int, mac: str) -> Tree | Trunking | Neighbouring | None:
    if bytes(frame[:6]) == _DTP_TARGET and bytes(frame[at : at + 8]) == _DTP_SNAP:
        return Trunking(mac)
    if bytes(frame[:6]) == _DTP_TARGET and bytes(frame[at : at + 8]) == _CDP_SNAP:
        return Neighbouring(mac, "CDP")
    if bytes(frame[at : at + 3]) != b"\x42\x42\x03":
        return None
    from scapy.layers.l2 import STP

    said = STP(bytes(frame[at + 3 :]))
    return Tree(mac, f"{int(said.rootid)}/{said.rootmac}") if int(said.bpdutype) in (0, 2) else None
