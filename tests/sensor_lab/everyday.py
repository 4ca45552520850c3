"""What goes on beside the associations of a department's day: addresses, switches, monitors, machines that start anew.

Each function gives frames with their times. Nothing of it is anybody's attack, and all of it is what some hospital has
every day.
"""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator

from appliance.inspection.engine import Packet
from tests.inspection import wire
from tests.inspection.test_engine import Tape
from tests.inspection.test_link_watch import dhcp, router, tree
from tests.inspection.wire import ACK, RST

CLUSTER = "10.20.0.9"
_BROADCAST = b"\xff" * 6


def _mac(address: str) -> bytes:
    return b"\x02\x01" + socket.inet_aton(address)


def _packet(now: float, frame: bytes) -> Packet:
    whole = frame.ljust(60, b"\0")
    return now, memoryview(whole), len(whole), None


def arp(now: float, operation: int, address: str, target: str, mac: bytes = b"", to: bytes = _BROADCAST) -> Packet:
    """An ARP packet (RFC 826)."""
    source = mac or _mac(address)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + source + socket.inet_aton(address)
    known = bytes(6) if to == _BROADCAST else to
    return _packet(now, to + source + b"\x08\x06" + body + known + socket.inet_aton(target))


def neighbours(dice: random.Random, addresses: list[str], begin: float, end: float) -> Iterator[Packet]:
    """Everybody asks for somebody every few minutes, and is answered."""
    now = begin
    while now < end:
        one, two = dice.sample(addresses, 2)
        yield arp(now, 1, one, two)
        yield arp(now + 0.001, 2, two, one, to=_mac(one))
        now += dice.uniform(5, 40)


def leases(begin: float, end: float) -> Iterator[Packet]:
    """A pair of DHCP servers renews the leases of two workstations twice an hour. An address goes to another machine
    than had it in the night.
    """
    now, number = begin, 0
    while now < end:
        for server in ("10.20.0.1", "10.20.0.7"):
            yield _packet(now, bytes(dhcp(server, "offer")))
        yield _packet(now + 1, bytes(dhcp("10.20.0.1", "ack", address=f"10.20.3.{number % 2}")))
        now, number = now + 1800, number + 1
    yield arp(begin + 1, 1, "10.20.3.9", "10.20.0.1", _mac("10.20.3.9"))
    yield arp(begin + 40_000, 1, "10.20.3.9", "10.20.0.1", _mac("10.20.3.10"))


def switches(begin: float, end: float) -> Iterator[Packet]:
    """A switch speaks of itself and of its tree; two routers advertise themselves."""
    lldp = bytes.fromhex("0180c200000e0200000000a188cc") + bytes(46)
    now = begin
    while now < end:
        yield _packet(now, lldp)
        yield _packet(now + 1, bytes(tree("02:00:00:00:00:a1")))
        for each in ("fe80::1", "fe80::2"):
            yield _packet(now + 2, bytes(router(each)))
        now += 900


def failover(now: float) -> Iterator[Packet]:
    """The standby of a cluster takes its address, and an hour later the first machine takes it back."""
    for when, machine in ((now, "10.20.0.31"), (now + 3600, "10.20.0.32"), (now + 7200, "10.20.0.31")):
        for each in range(5):
            yield arp(when + each, 1, CLUSTER, CLUSTER, _mac(machine))


def port_checks(server: str, now: float) -> Iterator[Packet]:
    """A load balancer looks every five seconds for ten minutes whether a port is open; half the times it sends RST."""
    for number in range(120):
        tape = Tape()
        said = wire.Wire(tape, "10.20.0.8", server, 104, 20000 + number, now + 5 * number)  # type: ignore[arg-type]
        said.open()
        if number % 2:
            said.close()
        else:
            said.raw(True, said.next[True], RST | ACK)
        yield from tape.packets
