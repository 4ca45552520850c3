"""A record of a segment: one sealed object with what tells it from remains and from a torn write, as in SEGMENT.md.

Builds and takes apart bytes; reads no file. It cannot tell whether an object is genuine: its own seal does that.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from appliance.base import limits

MAGIC = b"PACSSEG1"
BLOCK = 4096
"""Records begin at multiples of it, so no write touches a block that holds a record which was answered for."""

_FIELDS = struct.Struct(">8s16s16sII")  # magic, incarnation, object id, settled, length
_CHECK = struct.Struct(">I")
HEAD = _FIELDS.size + _CHECK.size


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the sealed object. `settled`: all below this offset was durable when the record was written.

    `length` is the sealed object's, in bytes.
    """

    object_id: str
    settled: int
    length: int
    check: int
    so_far: int

    def covers(self, sealed: bytes | memoryview) -> bool:
        """Whether this is the sealed object that the record was written with, whole."""
        return len(sealed) == self.length and zlib.crc32(sealed, self.so_far) == self.check

    @property
    def size(self) -> int:
        """Bytes that the record takes in the segment."""
        return size_of(self.length)


def size_of(length: int) -> int:
    """Bytes that a record of a sealed object of `length` bytes takes in a segment."""
    return -(-(HEAD + length) // BLOCK) * BLOCK


def encode(segment_id: str, object_id: str, settled: int, header: bytes, payload: bytes) -> bytes:
    """The record of the sealed object `header` + `payload`, filled up with zeros to whole blocks."""
    length = len(header) + len(payload)
    fields = _FIELDS.pack(MAGIC, bytes.fromhex(segment_id), bytes.fromhex(object_id), settled, length)
    check = zlib.crc32(payload, zlib.crc32(header, zlib.crc32(fields)))
    return b"".join((fields, _CHECK.pack(check), header, payload, bytes(size_of(length) - HEAD - length)))


def parse_head(data: bytes | memoryview, segment_id: str) -> Head | None:
    """The head of a record that was written in this segment's present life; None for anything else."""
    if len(data) < HEAD:
        return None
    magic, incarnation, object_id, settled, length = _FIELDS.unpack_from(data)
    if magic != MAGIC or incarnation.hex() != segment_id or not 0 < length <= limits.SEGMENT_RECORD.ceiling:
        return None
    (check,) = _CHECK.unpack_from(data, _FIELDS.size)
    return Head(object_id.hex(), settled, length, check, zlib.crc32(data[: _FIELDS.size]))
