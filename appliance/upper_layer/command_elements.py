"""The elements of a command set: PS3.7 table E.1-1, less what is retired, and their values between bytes and Python.

Command sets are always Implicit VR Little Endian (PS3.7 6.3.1), so the VR of an element is known from here alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appliance.base import names
from appliance.base.errors import LocalError
from appliance.base.text import wash
from appliance.upper_layer.pdu import ProtocolFault

_TAG = struct.Struct("<HH")
_US = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class Element:
    """One element of group 0000: `name` is the attribute of `CommandSet`, `vr` the value representation."""

    number: int
    name: str
    vr: str


ELEMENTS: tuple[Element, ...] = (
    Element(0x0002, "affected_sop_class", "UI"),
    Element(0x0003, "requested_sop_class", "UI"),
    Element(0x0100, "command_field", "US"),
    Element(0x0110, "message_id", "US"),
    Element(0x0120, "message_id_responded_to", "US"),
    Element(0x0600, "move_destination", "AE"),
    Element(0x0700, "priority", "US"),
    Element(0x0800, "data_set_type", "US"),
    Element(0x0900, "status", "US"),
    Element(0x0901, "offending_elements", "AT"),
    Element(0x0902, "error_comment", "LO"),
    Element(0x0903, "error_id", "US"),
    Element(0x1000, "affected_sop_instance", "UI"),
    Element(0x1001, "requested_sop_instance", "UI"),
    Element(0x1002, "event_type", "US"),
    Element(0x1005, "attribute_identifiers", "AT"),
    Element(0x1008, "action_type", "US"),
    Element(0x1020, "remaining_suboperations", "US"),
    Element(0x1021, "completed_suboperations", "US"),
    Element(0x1022, "failed_suboperations", "US"),
    Element(0x1023, "warning_suboperations", "US"),
    Element(0x1030, "move_originator_ae", "AE"),
    Element(0x1031, "move_originator_message_id", "US"),
)
BY_NUMBER = {element.number: element for element in ELEMENTS}


def decode_value(element: Element, value: bytes) -> Any:
    """The value in Python, None where it is no value of its VR. Raises ProtocolFault for a wrong length."""
    return _DECODE[element.vr](element, value)


def encode_value(element: Element, value: Any) -> bytes:
    """The value in bytes, padded to even length. Raises LocalError for one that the element cannot hold."""
    return _ENCODE[element.vr](element, value)


def _decode_us(element: Element, value: bytes) -> int:
    if len(value) != 2:
        raise ProtocolFault(f"{element.name} of a command set has {len(value)} bytes, not 2")
    return int.from_bytes(value, "little")


def _decode_at(element: Element, value: bytes) -> tuple[int, ...]:
    if len(value) % 4:
        raise ProtocolFault(f"{element.name} of a command set has {len(value)} bytes, no multiple of 4")
    return tuple(group << 16 | number for group, number in _TAG.iter_unpack(value))


def _encode_us(element: Element, value: int) -> bytes:
    if not 0 <= value <= 0xFFFF:
        raise LocalError(f"{element.name} of a command set is a number of 16 bits")
    return _US.pack(value)


def _encode_at(element: Element, value: tuple[int, ...]) -> bytes:
    return b"".join(_TAG.pack(tag >> 16, tag & 0xFFFF) for tag in value)


def _encode_ui(element: Element, value: str) -> bytes:
    field = value.encode("utf-8", "surrogatepass")
    if names.uid_from_wire(field) is None:
        raise LocalError(f"{element.name} of a command set is no UID")
    return field + bytes(len(field) % 2)


def _encode_ae(element: Element, value: str) -> bytes:
    field = value.encode("utf-8", "surrogatepass")
    if len(field) > 16 or names.ae_title_from_wire(field) is None:
        raise LocalError(f"{element.name} of a command set is no AE title")
    return field + b" " * (len(field) % 2)


def _encode_lo(element: Element, value: str) -> bytes:
    field = value.encode("ascii", "replace").replace(b"\\", b"?")[:64]
    return field + b" " * (len(field) % 2)


_DECODE: dict[str, Callable[[Element, bytes], Any]] = {
    "US": _decode_us,
    "AT": _decode_at,
    "UI": lambda element, value: names.uid_from_wire(value),
    "AE": lambda element, value: names.ae_title_from_wire(value),
    "LO": lambda element, value: wash(value.strip(b"\0 "), 64),
}
_ENCODE: dict[str, Callable[[Element, Any], bytes]] = {
    "US": _encode_us,
    "AT": _encode_at,
    "UI": _encode_ui,
    "AE": _encode_ae,
    "LO": _encode_lo,
}
