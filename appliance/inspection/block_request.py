"""The one message that `respond` reads: the sensor asks to block the client of a flow. 48 bytes, no more, no less.

Nothing that a stranger wrote is in it but addresses and ports. `decode` returns a request or raises ValueError.
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from appliance.config.values import Address, unmapped

_MAGIC = b"block"
_VERSION = 1
# magic, version, flags, rule, source port, target port, seconds, source, target
_LAYOUT = struct.Struct("!5sBBBHHI16s16s")
SIZE = _LAYOUT.size
_ACKNOWLEDGED = 1
_LAST_RULE = 99


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """Block `source` for so many seconds, since rule `rule` found its flow to `target`.

    `acknowledged`: both ends acknowledged the other's sequence number, so whoever called has the address `source`.
    """

    rule: str
    source: Address
    source_port: int
    target: Address
    target_port: int
    seconds: int
    acknowledged: bool


def encode(request: BlockRequest) -> bytes:
    """The message."""
    return _LAYOUT.pack(
        _MAGIC,
        _VERSION,
        _ACKNOWLEDGED if request.acknowledged else 0,
        int(request.rule[1:]),
        request.source_port,
        request.target_port,
        request.seconds,
        _wide(request.source),
        _wide(request.target),
    )


def decode(message: bytes) -> BlockRequest:
    """What a message says. Raises ValueError."""
    if len(message) != SIZE:
        raise ValueError(f"{len(message)} bytes instead of {SIZE}")
    magic, version, flags, rule, source_port, target_port, seconds, source, target = _LAYOUT.unpack(message)
    if magic != _MAGIC or version != _VERSION or flags & ~_ACKNOWLEDGED:
        raise ValueError("no message of this version")
    if not 1 <= rule <= _LAST_RULE or not source_port or not target_port or not seconds:
        raise ValueError("a field that cannot be zero is, or there is no such rule")
    return BlockRequest(
        f"D{rule:02}",
        unmapped(ipaddress.IPv6Address(source)),
        source_port,
        unmapped(ipaddress.IPv6Address(target)),
        target_port,
        seconds,
        bool(flags & _ACKNOWLEDGED),
    )


def _wide(address: Address) -> bytes:
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
