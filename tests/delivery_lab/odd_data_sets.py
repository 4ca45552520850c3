"""Data sets that are legal, old or merely survive in archives: a gateway that decodes them would change them."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable

from tests.delivery.vaults import CT, EXPLICIT, IMPLICIT, J2K, PRIVATE_CLASS, ROOT, State, data_set

BIG_ENDIAN, DEFLATED, RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"


def put(state: State, count: int, pixels: int = 3000) -> list[str]:
    """Seal so many instances, each odd in another way while there are ways; their object ids."""
    ids = []
    for number in range(count):
        uid = f"{ROOT}.7.{len(state.sent) + 1}"
        content, sop_class, syntax = _KINDS[number % len(_KINDS)](uid, pixels)
        assert len(content) % 2 == 0, "what is of odd length is no data set, and storescp aborts"
        ids.append(state.put(content, uid=uid, sop_class=sop_class, syntax=syntax))
    return ids


def _short(group: int, element: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", group, element, vr, len(value)) + value


def _long(group: int, element: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HH2sxxL", group, element, vr, len(value) if length is None else length) + value


def _plain(uid: str, pixels: int) -> tuple[bytes, str, str]:
    return data_set(CT, uid, pixels), CT, EXPLICIT


def _private(uid: str, pixels: int) -> tuple[bytes, str, str]:
    """Private elements, a private creator twice, UN with bytes of anything, and a private class."""
    block = (
        _short(9, 0x10, b"LO", b"MAKER 1 ")
        + _short(9, 0x1001, b"DS", b" 1.50 ")
        + _long(9, 0x1002, b"UN", bytes(7) + b"\1")
    )
    return (
        block + data_set(PRIVATE_CLASS, uid, pixels) + _long(0x7FE1, 0x1010, b"OB", os.urandom(64)),
        PRIVATE_CLASS,
        EXPLICIT,
    )


def _nested(uid: str, pixels: int) -> tuple[bytes, str, str]:
    """Sequences of undefined length, one of them empty, one within another."""
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    item_end, end = struct.pack("<HHL", 0xFFFE, 0xE00D, 0), struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    inner = _long(8, 0x1140, b"SQ", item + item_end + end, 0xFFFFFFFF)
    return (
        data_set(CT, uid, pixels) + _long(0x0040, 0x0555, b"SQ", item + inner + item_end + end, 0xFFFFFFFF),
        CT,
        EXPLICIT,
    )


def _misspelt(uid: str, pixels: int) -> tuple[bytes, str, str]:
    """Text in an encoding that nothing announces, NUL as padding, values of odd length, elements out of order."""
    text = _short(0x10, 0x10, b"PN", b"M\xfcller^J\xf6rg\0") + _short(0x10, 0x20, b"LO", b"4711\0\0")
    return (
        data_set(CT, uid, pixels) + text + _short(8, 0x70, b"LO", b"odd") + _short(8, 0x80, b"LO", b"odd"),
        CT,
        EXPLICIT,
    )


def _padded(uid: str, pixels: int) -> tuple[bytes, str, str]:
    """Data set trailing padding, and lengths of groups, which the standard retired."""
    return (
        _short(8, 0, b"UL", bytes(4)) + data_set(CT, uid, pixels) + _long(0xFFFC, 0xFFFC, b"OB", bytes(254)),
        CT,
        EXPLICIT,
    )


def _implicit(uid: str, pixels: int) -> tuple[bytes, str, str]:
    value = uid.encode() + b"\0" * (len(uid) % 2)
    head = struct.pack("<HHL", 8, 0x18, len(value)) + value
    return (
        head
        + struct.pack("<HHL", 0x0029, 0x1010, 4)
        + b"\xff\xfe\xfd\xfc"
        + struct.pack("<HHL", 0x7FE0, 0x10, pixels & ~1)
        + os.urandom(pixels & ~1),
        CT,
        IMPLICIT,
    )


def _encapsulated(syntax: str) -> Callable[[str, int], tuple[bytes, str, str]]:
    def make(uid: str, pixels: int) -> tuple[bytes, str, str]:
        """Fragments, an empty offset table, a fragment of padding, and a sequence delimiter with a length."""
        items = b"".join(
            struct.pack("<HHL", 0xFFFE, 0xE000, len(it)) + it for it in (b"", os.urandom(pixels & ~1), bytes(2))
        )
        return (
            data_set(CT, uid, 0)[:-12]
            + _long(0x7FE0, 0x10, b"OB", items + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), 0xFFFFFFFF),
            CT,
            syntax,
        )

    return make


def _deflated(uid: str, pixels: int) -> tuple[bytes, str, str]:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data_set(CT, uid, pixels)) + packer.flush()
    return packed + b"\0" * (len(packed) % 2), CT, DEFLATED


def _big_endian(uid: str, pixels: int) -> tuple[bytes, str, str]:
    value = uid.encode() + b"\0" * (len(uid) % 2)
    pixel_data = struct.pack(">HH2sxxL", 0x7FE0, 0x10, b"OW", pixels & ~1) + os.urandom(pixels & ~1)
    return struct.pack(">HH2sH", 8, 0x18, b"UI", len(value)) + value + pixel_data, CT, BIG_ENDIAN


_KINDS = (
    _plain,
    _private,
    _nested,
    _misspelt,
    _padded,
    _implicit,
    _encapsulated(J2K),
    _encapsulated(RLE),
    _deflated,
    _big_endian,
)
