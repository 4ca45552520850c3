"""Items and sub-items: type, reserved byte, 16-bit length, value (PS3.8 9.3.2 and 9.3.3).

Owns the framing alone and the cap on how many items one PDU may hold; what an item means is its reader's matter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from appliance.base import names
from appliance.base.errors import LocalError
from appliance.upper_layer.pdu import ProtocolFault

_HEADER = struct.Struct(">BxH")


class ItemReader:
    """Cuts the items of one PDU, nested ones too, and stops at `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._uids: dict[bytes, str | None] = {}

    def split(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Type and value of each item. Raises ProtocolFault where lengths run past the end or there are too many."""
        at = 0
        while at < len(data):
            if len(data) - at < _HEADER.size:
                raise ProtocolFault("an item ends in its header")
            kind, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            if length > len(data) - at:
                raise ProtocolFault(f"item {kind:02X}H is longer than what holds it")
            self._left -= 1
            if self._left < 0:
                raise ProtocolFault(f"more than {self._most} items in one PDU")
            yield kind, data[at : at + length]
            at += length

    def uid(self, value: bytes) -> str:
        """A UID, without padding; "" where the value is none. The same few are proposed over and over."""
        if value not in self._uids:
            self._uids[value] = names.uid_from_wire(value)
        return self._uids[value] or ""


def encode_item(kind: int, *parts: bytes) -> bytes:
    """An item of the given type. Raises LocalError when its value is longer than 65535 bytes."""
    value = b"".join(parts)
    if len(value) > 0xFFFF:
        raise LocalError(f"item {kind:02X}H would be {len(value)} bytes long")
    return _HEADER.pack(kind, len(value)) + value


def encode_uid(text: str) -> bytes:
    """A UID of ours for an item, unpadded (PS3.8 annex F). Raises LocalError when it is none."""
    value = text.encode("utf-8", "surrogatepass")
    if names.uid_from_wire(value) is None:
        raise LocalError("a UID for an A-ASSOCIATE PDU is no UID")
    return value


def encode_counted(value: bytes) -> bytes:
    """A value after its 16-bit length, as several sub-items nest them (PS3.7 D.3.3)."""
    if len(value) > 0xFFFF:
        raise LocalError(f"a value of {len(value)} bytes does not fit in a sub-item")
    return len(value).to_bytes(2, "big") + value


def split_counted(data: bytes, what: str) -> tuple[bytes, bytes]:
    """Such a value, and what follows it. Raises ProtocolFault when it runs past the end."""
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 + length:
        raise ProtocolFault(f"{what} runs past its sub-item")
    return data[2 : 2 + length], data[2 + length :]
