"""What a TCP/IP stack shows of itself in its SYN: the TTL that it begins with, and its options in their order. Pure.

Neither depends on the program that calls, on the way, or on the moment, as a window, a maximum segment size or a
timestamp do; so another one at an address is another system, whatever name its software gives (RFC 9293 3.1, RFC 791).
"""

from __future__ import annotations

import struct

from appliance.inspection.frames import Buffer, network_header

_IPV4, _IPV6, _TCP = 4, 6, 6
_SHORTEST = 20  # bytes of a TCP header
_BEGINNINGS = (32, 64, 128)  # that are in use; above them 255
_END, _NOP = 0, 1
_NAMES = {_END: "end", _NOP: "nop", 2: "mss", 3: "wscale", 4: "sack", 5: "sack-blocks", 8: "timestamps", 19: "md5"}
# As systems are known to say it (p0f 3, stack fingerprint database): families, for releases of one differ elsewhere.
_FAMILIES = {
    "TTL 64, mss sack timestamps nop wscale": "Linux",
    "TTL 64, mss nop nop sack nop wscale": "Linux",
    "TTL 128, mss nop wscale nop nop sack": "Windows",
    "TTL 128, mss nop nop sack": "Windows",
    "TTL 128, mss nop wscale sack timestamps": "Windows",
    "TTL 64, mss nop wscale nop nop timestamps sack end": "Apple",
    "TTL 64, mss nop wscale sack timestamps": "FreeBSD",
    "TTL 64, mss nop nop sack nop wscale nop nop timestamps": "OpenBSD",
}
# Multipath, Fast Open and experiments: one stack sends them on this connection and not on the next (RFC 8684, 7413).
_PASSING = frozenset((30, 34, 253, 254))


def shown_in(frame: Buffer, link: int, start: int) -> bytes:
    """TTL and TCP options of a SYN whose payload begins at `start`, as they stand on the wire; nothing where the
    headers before that are not the plain ones."""
    try:
        at = network_header(frame, link)
        version = frame[at] >> 4
        if version == _IPV4:
            ttl, segment = frame[at + 8], at + (frame[at] & 0x0F) * 4
        elif version == _IPV6 and frame[at + 6] == _TCP:
            ttl, segment = frame[at + 7], at + 40
        else:
            return b""
        if segment + (frame[segment + 12] >> 4) * 4 != start:
            return b""
    except (IndexError, struct.error):
        return b""
    return bytes((ttl,)) + bytes(frame[segment + _SHORTEST : start])


def described(stack: bytes) -> str:
    """What `shown_in` found, as one may compare and show it: "TTL 64, mss sack timestamps nop wscale"."""
    beginning = next((each for each in _BEGINNINGS if stack[0] <= each), 255)
    names, rest = [], stack[1:]
    while rest:
        kind, size = rest[0], 1 if rest[0] in (_END, _NOP) or len(rest) < 2 else max(2, rest[1])
        if kind not in _PASSING:
            names.append(_NAMES.get(kind, str(kind)))
        if kind == _END:
            break
        rest = rest[size:]
    return f"TTL {beginning}, {' '.join(names) or 'no options'}"


def looks_like(description: str) -> str:
    """The family of systems that say it like this; else the description itself. A guess: settings change it."""
    return _FAMILIES.get(description, description)
