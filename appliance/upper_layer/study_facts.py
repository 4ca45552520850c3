"""The facts of patient, study and series that are kept for an emergency: which elements, and how they are written.

Written as elements of a data set in Explicit VR Little Endian, in the order of their tags, with the values as they were
sent: any DICOM library reads them. What does not fit is left out whole, the least needed first. Decodes no text.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

SPECIFIC_CHARACTER_SET = 0x00080005
STUDY_DATE = 0x00080020
STUDY_TIME = 0x00080030
ACCESSION_NUMBER = 0x00080050
MODALITY = 0x00080060
STUDY_DESCRIPTION = 0x00081030
SERIES_DESCRIPTION = 0x0008103E
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
BIRTH_DATE = 0x00100030
SEX = 0x00100040
BODY_PART = 0x00180015
STUDY_UID = 0x0020000D
SERIES_UID = 0x0020000E
SERIES_NUMBER = 0x00200011
INSTANCE_NUMBER = 0x00200013

# The most needed first.
_VRS = {
    SPECIFIC_CHARACTER_SET: b"CS",
    PATIENT_NAME: b"PN",
    PATIENT_ID: b"LO",
    BIRTH_DATE: b"DA",
    STUDY_DATE: b"DA",
    STUDY_UID: b"UI",
    SERIES_UID: b"UI",
    ACCESSION_NUMBER: b"SH",
    STUDY_DESCRIPTION: b"LO",
    STUDY_TIME: b"TM",
    MODALITY: b"CS",
    SEX: b"CS",
    SERIES_NUMBER: b"IS",
    INSTANCE_NUMBER: b"IS",
    SERIES_DESCRIPTION: b"LO",
    BODY_PART: b"CS",
}
TAGS = frozenset(_VRS)

_HEAD = struct.Struct("<HH2sH")


def encode(values: Mapping[int, bytes], room: int) -> bytes:
    """The elements of `values` that are facts, in `room` bytes at most. A value of odd length is padded."""
    chosen: list[tuple[int, bytes]] = []
    for tag, vr in _VRS.items():
        value = values.get(tag)
        if not value:
            continue
        value += b"" if len(value) % 2 == 0 else b"\0" if vr == b"UI" else b" "
        if _HEAD.size + len(value) <= room:
            room -= _HEAD.size + len(value)
            chosen.append((tag, _HEAD.pack(tag >> 16, tag & 0xFFFF, vr, len(value)) + value))
    return b"".join(element for _, element in sorted(chosen))


def decode(facts: bytes) -> dict[int, bytes]:
    """The values by tag, without padding. What is not written as `encode` writes it ends them: nothing is raised."""
    found: dict[int, bytes] = {}
    at = last = 0
    while at + _HEAD.size <= len(facts):
        group, number, vr, length = _HEAD.unpack_from(facts, at)
        tag = group << 16 | number
        at += _HEAD.size + length
        if _VRS.get(tag) != vr or tag <= last or at > len(facts):
            break
        last = tag
        found[tag] = facts[at - length : at].strip(b"\0 ")
    return found
