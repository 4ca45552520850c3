"""The first bytes of a data set in clear, as far as rules need them (PS3.5 7.1). Pure; it never raises.

It gives facts that name nobody: whether a query is broad, which modality it says, what a value looks like. No value of
a patient's, a study's or an instance's is taken out of it.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_BULK_VRS = frozenset((b"OB", b"OW", b"UN"))
_UNDEFINED = 0xFFFFFFFF
_MAX_ELEMENTS = 2000
_MODALITY, _DOCUMENT, _PIXELS = 0x00080060, 0x00420011, 0x7FE00010
_UIDS = frozenset((0x00080018, 0x0020000D, 0x0020000E))
_NOT_KEYS = frozenset((0x00080005, 0x00080052, 0x00080053, 0x00080054, 0x00080056, 0x00080201))
_MODALITIES = frozenset((_MODALITY, 0x00080061))
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_MACH_O = frozenset(map(bytes.fromhex, ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe")))
_CS = re.compile(rb"[A-Z0-9_]{1,16}")
_PATH = re.compile(rb"\.\.|[/\\]")
DEFLATED = b"1.2.840.10008.1.2.1.99"
IMPLICIT = b"1.2.840.10008.1.2"
BIG_ENDIAN = b"1.2.840.10008.1.2.2"
EXPLICIT = b"1.2.840.10008.1.2.1"  # what all others are like


@dataclass(slots=True)
class Head:
    """What the head of a data set says.

    `keys` counts the keys that narrow a query down; `modalities` those of them that only name a modality.
    `executable` names what a value begins like, `document` is "PDF", "XML" or "other"; empty where there is none.
    """

    modality: str = ""
    keys: int = 0
    modalities: int = 0
    executable: str = ""
    document: str = ""
    path_in_uid: bool = False
    whole: bool = False  # nothing was behind what was read


ENCODINGS = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)


def encoding(syntax: bytes) -> int:
    """The index in `ENCODINGS` of the one that stands for a transfer syntax as it was on the wire."""
    syntax = syntax.rstrip(b"\0 ")
    return ENCODINGS.index(syntax) if syntax in ENCODINGS else ENCODINGS.index(EXPLICIT)


def read_head(data: bytes, syntax: bytes, whole: bool) -> Head:
    """Read the beginning of a data set in a transfer syntax. `whole`: it is all of it."""
    head = Head()
    if syntax == DEFLATED:
        return head
    for tag, vr, value, complete, depth in _elements(data, syntax):
        head.executable = head.executable or _executable(tag, vr, value)
        if depth:
            continue
        text = value.strip(b" \0")
        if tag == _MODALITY and complete and _CS.fullmatch(text):
            head.modality = text.decode()
        elif tag in _UIDS and _PATH.search(value):
            head.path_in_uid = True
        elif tag == _DOCUMENT and value:
            head.document = _document(value)
        if tag not in _NOT_KEYS and tag & 0xFFFF and text.strip(b"*"):
            head.keys += 1
            head.modalities += tag in _MODALITIES
        if tag == _PIXELS:
            break
    head.whole = whole
    return head


def _elements(data: bytes, syntax: bytes) -> Iterator[tuple[int, bytes, bytes, bool, int]]:
    """Tag, VR (empty where implicit), value as far as it is there, whether that is all, and depth in sequences."""
    order = ">" if syntax == BIG_ENDIAN else "<"
    explicit = syntax != IMPLICIT
    tags, short, long = struct.Struct(order + "HH"), struct.Struct(order + "H"), struct.Struct(order + "I")
    at, depth = 0, 0
    for _ in range(_MAX_ELEMENTS):
        if len(data) - at < 8:
            return
        group, element = tags.unpack_from(data, at)
        tag = group << 16 | element
        vr = data[at + 4 : at + 6]
        if tag in (_ITEM, _ITEM_END, _SEQUENCE_END):
            (length,) = long.unpack_from(data, at + 4)
            at += 8
            if tag != _ITEM:
                depth = max(0, depth - 1)
                continue
            if length == _UNDEFINED:
                depth += 1
                continue
            if depth:  # of encapsulated pixel data, or an item of known length: what begins in it is looked at
                yield tag, b"OB", data[at : at + length], at + length <= len(data), depth
            at += length
            continue
        if not explicit:
            vr = b""
            (length,) = long.unpack_from(data, at + 4)
            at += 8
        elif vr in _LONG_VRS:
            if len(data) - at < 12:
                return
            (length,) = long.unpack_from(data, at + 8)
            at += 12
        else:
            (length,) = short.unpack_from(data, at + 6)
            at += 8
        if length == _UNDEFINED:
            depth += 1
            continue
        yield tag, vr, data[at : at + length], at + length <= len(data), depth
        at += length


def _document(value: bytes) -> str:
    begin = value.lstrip(b"\xef\xbb\xbf \r\n\t")
    return "PDF" if begin.startswith(b"%PDF") else "XML" if begin.startswith(b"<") else "other"


def _executable(tag: int, vr: bytes, value: bytes) -> str:
    """What a value begins like, where one might hide a program."""
    suspect = vr in _BULK_VRS or tag >> 16 & 1 or tag in (_DOCUMENT, _PIXELS)
    return looks_executable(value) if suspect else ""


def looks_executable(value: bytes) -> str:
    """A program's kind, by its first bytes; empty for none."""
    if value[:2] == b"MZ" and len(value) >= 64:
        at = int.from_bytes(value[60:64], "little")
        if 64 <= at <= 0x1000 and (at + 4 > len(value) or value[at : at + 4] == b"PE\0\0"):
            return "a Windows program"
    if value[:4] == b"\x7fELF" and value[4:5] in (b"\1", b"\2") and len(value) >= 52:
        return "a Linux program (ELF)"
    if value[:4] in _MACH_O and len(value) >= 28:
        return "a macOS or Java program"
    if value[:3] == b"#!/":
        return "a script"
    if value[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        return "an OLE document or installer"
    if value[:4] == b"PK\x03\x04" and len(value) > 30:
        return "a ZIP archive"
    return ""
