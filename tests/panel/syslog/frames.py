"""Octet counting (RFC 5425 4.3), from the reader's side."""

from __future__ import annotations


def unframe(data: bytes) -> list[bytes]:
    """The records in whole frames; anything else is an error of who sent it."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        assert length.isdigit() and not length.startswith(b"0") and len(rest) >= int(length), data[:80]
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found
