"""Reads the head of a Part 10 file: its File Meta Information (PS3.10 7.1) and where the data set starts. Pure.

It reads what comes out of a sealed object, so it needs the first plaintext chunk only. It must never guess: what is not
a Part 10 file is damage, and damage is not sent upstream.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from appliance.base.errors import CryptoError
from appliance.base.names import uid_from_wire

_PREFIX = 132  # 128 bytes of preamble, then "DICM"
_SHORT = struct.Struct("<HH2sH")
_LONG_LENGTH = struct.Struct("<I")
_LONG_VRS = frozenset((b"OB", b"OW", b"UN", b"UT", b"SQ"))
_GROUP_LENGTH, _SOP_CLASS, _SOP_INSTANCE, _TRANSFER_SYNTAX = 0x0000, 0x0002, 0x0003, 0x0010


class NotPart10(CryptoError):
    """A sealed object opened, and what is in it is no Part 10 file."""


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a C-STORE-RQ needs of a file, and the offset (bytes) of its data set."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    data_set_offset: int


def parse_file_meta(head: bytes | memoryview) -> FileMeta:
    """Read the File Meta Information, which must lie in `head` whole. Raises `NotPart10`."""
    if bytes(head[128:_PREFIX]) != b"DICM":
        raise NotPart10("the sealed object does not hold a Part 10 file: no prefix")
    try:
        group_length, offset = _element(head, _PREFIX, _GROUP_LENGTH)
        end = offset + _LONG_LENGTH.unpack(group_length)[0]
        values: dict[int, bytes] = {}
        while offset < end:
            element = _SHORT.unpack_from(head, offset)[1]
            values[element], offset = _element(head, offset, element)
    except struct.error:
        raise NotPart10("the File Meta Information is cut off, or longer than one chunk") from None
    if offset != end:
        raise NotPart10("the File Meta Information does not have the length that it states")
    return FileMeta(_uid(values, _SOP_CLASS), _uid(values, _SOP_INSTANCE), _uid(values, _TRANSFER_SYNTAX), end)


def _element(head: bytes | memoryview, offset: int, expected: int) -> tuple[bytes, int]:
    """The value of the element (0002,`expected`) at `offset`, and the offset behind it."""
    group, element, vr, length = _SHORT.unpack_from(head, offset)
    if (group, element) != (2, expected):
        raise NotPart10(f"the File Meta Information lacks (0002,{expected:04X}) where it must be")
    start = offset + _SHORT.size
    if vr in _LONG_VRS:
        (length,) = _LONG_LENGTH.unpack_from(head, start)
        start += _LONG_LENGTH.size
    value = bytes(head[start : start + length])
    if len(value) != length:
        raise NotPart10("the File Meta Information is cut off, or longer than one chunk")
    return value, start + length


def _uid(values: dict[int, bytes], element: int) -> str:
    value = uid_from_wire(values.get(element, b""))
    if value is None:
        raise NotPart10(f"the File Meta Information has no usable (0002,{element:04X})")
    return value
