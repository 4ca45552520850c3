"""Ethernet frames around bytes of a TCP stream, with checksums, as a capture would have them (RFC 791, 8200, 9293)."""

from __future__ import annotations

import struct

_PIECE = 1400
_ACK_PSH = 0x18
_HOPS = 64


def frames(key: bytes, macs: bytes, vlans: tuple[int, ...], seq: int, ack: int, data: bytes) -> list[bytes]:
    """`data` from `seq` on, in as many segments as it takes. `key` is a flow key, `macs` destination and source."""
    return [
        _frame(key, macs, vlans, (seq + at) & 0xFFFFFFFF, ack, data[at : at + _PIECE])
        for at in range(0, len(data), _PIECE)
    ]


def _frame(key: bytes, macs: bytes, vlans: tuple[int, ...], seq: int, ack: int, data: bytes) -> bytes:
    size = (len(key) - 4) // 2
    source, target, ports = key[:size], key[size : 2 * size], key[-4:]
    head = ports + struct.pack("!IIBBHHH", seq, ack, 5 << 4, _ACK_PSH, 0xFFFF, 0, 0)
    body = head + data
    pseudo = source + target + struct.pack("!II", len(body), 6)
    body = head[:16] + struct.pack("!H", _checksum(pseudo + body)) + body[18:]
    if size == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, _HOPS, 6, 0) + source + target
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        kind = b"\x08\x00"
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(body), 6, _HOPS) + source + target
        kind = b"\x86\xdd"
    tags = b"".join(struct.pack("!HH", 0x8100, vlan) for vlan in vlans)
    return macs.ljust(12, b"\0")[:12] + tags + kind + ip + body


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
