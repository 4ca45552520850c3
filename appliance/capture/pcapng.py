"""Writes pcapng (draft-ietf-opsawg-pcapng): one section, one Ethernet interface, packets with comments. Bytes only."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from appliance.inspection.evidence import EvidencePacket

_ETHERNET = 1
_NANOSECONDS = 9


def pcapng(packets: Iterable[EvidencePacket], interface: str, about: str) -> bytes:
    """The file. `about` is said of the whole of it."""
    section = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1) + _options((1, about.encode()), (4, b"pacs-appliance"))
    described = _options((2, interface.encode()), (9, bytes((_NANOSECONDS,))))
    blocks = [_block(0x0A0D0D0A, section), _block(1, struct.pack("=HHI", _ETHERNET, 0, 0) + described)]
    for when, frame, comment in packets:
        stamp = int(when * 1e6) * 1000  # a float has no more than microseconds
        head = struct.pack("=IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        blocks.append(_block(6, head + _padded(frame) + (_options((1, comment.encode())) if comment else b"")))
    return b"".join(blocks)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("=I", 12 + len(body))
    return struct.pack("=I", kind) + size + body + size


def _options(*options: tuple[int, bytes]) -> bytes:
    written = b"".join(struct.pack("=HH", code, len(value)) + _padded(value) for code, value in options)
    return written + bytes(4)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)
