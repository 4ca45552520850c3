"""The first bytes of what we seal: the preamble and File Meta Information of a Part 10 file (PS3.10 7.1).

The preamble is zero whatever the sender's file had there, so nothing executable hides in it.
"""

from __future__ import annotations

import struct

from appliance.base import implementation

_LONG_VRS = frozenset({b"OB"})


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\0" if vr in (b"UI", b"OB") else b" "
    if vr in _LONG_VRS:
        return struct.pack("<HH2sHI", 2, element, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value


def file_head(
    *, sop_class: str, sop_instance: str, transfer_syntax: str, calling_ae: str, called_ae: str, own_ae: str
) -> bytes:
    """Preamble, prefix and File Meta Information, always Explicit VR Little Endian. The data set follows as received.

    Source AE (0002,0016) is ours, since we write the file; Sending AE (0002,0017) is the title of who sent the
    instance, Receiving AE (0002,0018) the title by which it called us.
    """
    body = b"".join(
        (
            _element(0x0001, b"OB", b"\0\1"),
            _element(0x0002, b"UI", sop_class.encode()),
            _element(0x0003, b"UI", sop_instance.encode()),
            _element(0x0010, b"UI", transfer_syntax.encode()),
            _element(0x0012, b"UI", implementation.CLASS_UID.encode()),
            _element(0x0013, b"SH", implementation.VERSION_NAME.encode()),
            _element(0x0016, b"AE", own_ae.encode()),
            _element(0x0017, b"AE", calling_ae.encode()),
            _element(0x0018, b"AE", called_ae.encode()),
        )
    )
    return bytes(128) + b"DICM" + _element(0x0000, b"UL", struct.pack("<I", len(body))) + body
