"""Finds the start of a PDU in the middle of a stream whose framing was lost or never seen. Pure.

A P-DATA-TF counts when it holds exactly one PDV with a possible context id and flags; an A-ASSOCIATE-RQ when its fixed
fields are plausible. Random bytes meet the first with a chance below 2**-50 a position, the second far less.
"""

from __future__ import annotations

import re
import struct

from appliance.base import limits

LEAST_ASSOCIATE = 68
LONGEST = 42  # bytes that a search must see behind a header's first byte; keep one less between two searches
_DATA = re.compile(rb"\x04\x00(?=[\x00\x01]...[\x00\x01]...[\x00-\xff][\x00-\x03])", re.DOTALL)
_REQUEST = re.compile(rb"\x01\x00\x00[\x00\x01]..\x00\x01\x00\x00[\x20-\x7e\x00]{16}[\x20-\x7e\x00]{16}", re.DOTALL)
_HEADER = struct.Struct("!IIB")


def plausible(kind: int, length: int) -> bool:
    """Whether a PDU of this type may be so long: for headers of which nothing else is known."""
    if kind == 4:
        return 6 <= length <= limits.SENSOR_SKIP.default
    if kind in (1, 2):
        return LEAST_ASSOCIATE <= length <= limits.SENSOR_ASSOCIATE.default
    return kind in (3, 5, 6, 7) and length == 4


def find_header(data: bytes, limit: int) -> tuple[int, bool] | None:
    """The position of the first PDU header, and whether it is beyond doubt (else the next header must confirm it).

    `limit` is the longest P-DATA-TF that is believed.
    """
    request = _REQUEST.search(data)
    end = request.start() if request else len(data)
    at = 0
    while found := _DATA.search(data, at, min(end + 12, len(data))):
        at = found.start() + 1
        length, size, context = _HEADER.unpack_from(data, at + 1)
        if length == size + 4 and 8 <= length <= limit and context & 1:
            return at - 1, False
    return (end, True) if request else None


class Search:
    """A search over the pieces of a stream. Keeps the last few bytes, in case a header is split."""

    __slots__ = ("_carry", "searched")

    def __init__(self) -> None:
        self._carry = b""
        self.searched = 0  # bytes, in vain

    def feed(self, piece: bytes, limit: int) -> tuple[bytes, bool] | None:
        """Search the next piece. What is found: the bytes from the header on, and whether it is beyond doubt."""
        data = self._carry + piece
        found = find_header(data, limit)
        if found is None:
            self._carry = data[1 - LONGEST :]
            self.searched += len(piece)
            return None
        at, sure = found
        self._carry = b""
        return data[at:], sure

    def clear(self, seed: bytes = b"") -> None:
        """Begin anew, with bytes that were already taken from the stream."""
        self._carry = seed[1 - LONGEST :]
