"""Which SOP classes are storage, by rule and not by list: a box that refuses next year's class loses images.

Storage classes have the root 1.2.840.10008.5.1.4.1.1, but for a few services that live there too, and a few of them
live elsewhere (PS3.6 table A-1). A UID outside DICOM's own root is private, and taken for storage. A test holds this
against pynetdicom's registry, whose import would cost each program 35 MB.
"""

from __future__ import annotations

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"

_DICOM_ROOT = "1.2.840.10008."
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
_NOT_STORAGE = frozenset(
    _STORAGE_ROOT + suffix
    for suffix in (
        "200.4",  # Protocol Approval Information Model: FIND, MOVE, GET
        "200.5",
        "200.6",
        "201.1.1",  # Storage Management, a well-known instance
        "201.2",  # Inventory: FIND, MOVE, GET
        "201.3",
        "201.4",
        "201.5",  # Inventory Creation
        "201.6",  # Repository Query
    )
)
_STORAGE_ELSEWHERE = frozenset(
    (
        "1.2.840.10008.5.1.1.27",  # Stored Print, retired
        "1.2.840.10008.5.1.1.29",  # Hardcopy Grayscale Image, retired
        "1.2.840.10008.5.1.1.30",  # Hardcopy Color Image, retired
        "1.2.840.10008.5.1.4.34.1",  # RT Beams Delivery Instruction, trial
        "1.2.840.10008.5.1.4.34.7",  # RT Beams Delivery Instruction
        "1.2.840.10008.5.1.4.34.10",  # RT Brachy Application Setup Delivery Instruction
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol
        "1.2.840.10008.5.1.4.39.1",  # Color Palette
        "1.2.840.10008.5.1.4.43.1",  # Generic Implant Template
        "1.2.840.10008.5.1.4.44.1",  # Implant Assembly Template
        "1.2.840.10008.5.1.4.45.1",  # Implant Template Group
    )
)


def is_storage(uid: str) -> bool:
    """Whether C-STORE may be offered for this SOP class (PS3.4 annex B, annex GG), private ones included."""
    if not uid.startswith(_DICOM_ROOT):
        return True
    return (uid.startswith(_STORAGE_ROOT) and uid not in _NOT_STORAGE) or uid in _STORAGE_ELSEWHERE
