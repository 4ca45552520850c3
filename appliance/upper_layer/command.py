"""DIMSE command sets between bytes and values (PS3.7 6.3.1, 9.3, 10.3 and annex E).

Owns the fields and what a message cannot do without. It must never judge an operation: a request for something that we
do not serve decodes like any other, so that it can be answered.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from appliance.upper_layer.command_elements import BY_NUMBER, ELEMENTS, decode_value, encode_value
from appliance.upper_layer.pdu import ProtocolFault

VERIFICATION = "1.2.840.10008.1.1"
NO_DATA_SET = 0x0101
DATA_SET = 0x0001  # any number but 0101H; this one is what most toolkits send

_ELEMENT = struct.Struct("<HHL")
_RESPONSE = 0x8000


class CommandField(IntEnum):
    """Which message this is (PS3.7 table E.1-1)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF
    N_EVENT_REPORT_RQ = 0x0100
    N_EVENT_REPORT_RSP = 0x8100
    N_GET_RQ = 0x0110
    N_GET_RSP = 0x8110
    N_SET_RQ = 0x0120
    N_SET_RSP = 0x8120
    N_ACTION_RQ = 0x0130
    N_ACTION_RSP = 0x8130
    N_CREATE_RQ = 0x0140
    N_CREATE_RSP = 0x8140
    N_DELETE_RQ = 0x0150
    N_DELETE_RSP = 0x8150


# What a request must name for the operation to mean anything; ids and data set type are demanded of every message.
_REQUIRED: dict[int, tuple[str, ...]] = {
    CommandField.C_STORE_RQ: ("affected_sop_class", "affected_sop_instance"),
    CommandField.C_GET_RQ: ("affected_sop_class",),
    CommandField.C_FIND_RQ: ("affected_sop_class",),
    CommandField.C_MOVE_RQ: ("affected_sop_class", "move_destination"),
    CommandField.C_ECHO_RQ: ("affected_sop_class",),
    CommandField.N_EVENT_REPORT_RQ: ("affected_sop_class", "affected_sop_instance", "event_type"),
    CommandField.N_GET_RQ: ("requested_sop_class", "requested_sop_instance"),
    CommandField.N_SET_RQ: ("requested_sop_class", "requested_sop_instance"),
    CommandField.N_ACTION_RQ: ("requested_sop_class", "requested_sop_instance", "action_type"),
    CommandField.N_CREATE_RQ: ("affected_sop_class",),
    CommandField.N_DELETE_RQ: ("requested_sop_class", "requested_sop_instance"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSet:
    """A command set; None for what it does not hold, and for a UID or an AE title that is none (see `invalid`).

    Its repr names the message and its id, no UID: instances are patients' matter.
    """

    command_field: int
    affected_sop_class: str | None = field(default=None, repr=False)
    requested_sop_class: str | None = field(default=None, repr=False)
    message_id: int | None = None
    message_id_responded_to: int | None = None
    move_destination: str | None = field(default=None, repr=False)
    priority: int | None = field(default=None, repr=False)
    data_set_type: int | None = field(default=None, repr=False)
    status: int | None = None
    offending_elements: tuple[int, ...] | None = field(default=None, repr=False)
    error_comment: str | None = field(default=None, repr=False)
    error_id: int | None = field(default=None, repr=False)
    affected_sop_instance: str | None = field(default=None, repr=False)
    requested_sop_instance: str | None = field(default=None, repr=False)
    event_type: int | None = None
    attribute_identifiers: tuple[int, ...] | None = field(default=None, repr=False)
    action_type: int | None = None
    remaining_suboperations: int | None = field(default=None, repr=False)
    completed_suboperations: int | None = field(default=None, repr=False)
    failed_suboperations: int | None = field(default=None, repr=False)
    warning_suboperations: int | None = field(default=None, repr=False)
    move_originator_ae: str | None = field(default=None, repr=False)
    move_originator_message_id: int | None = field(default=None, repr=False)
    invalid: tuple[str, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """The standard's name of the message, for the log."""
        try:
            return CommandField(self.command_field).name.replace("_", "-")
        except ValueError:
            return f"command {self.command_field:04X}H"

    @property
    def is_response(self) -> bool:
        """Whether this answers a request. C-CANCEL-RQ does not, though it names one."""
        return bool(self.command_field & _RESPONSE)

    @property
    def data_set_follows(self) -> bool:
        """Whether a data set belongs to the message: every type but 0101H says so."""
        return self.data_set_type is not None and self.data_set_type != NO_DATA_SET

    @property
    def missing(self) -> tuple[str, ...]:
        """What the request does not name, or names by something invalid, and the operation needs (PS3.7 9.3, 10.3)."""
        return tuple(name for name in _REQUIRED.get(self.command_field, ()) if getattr(self, name) is None)

    def encode(self, data_set_follows: bool) -> bytes:
        """Implicit VR Little Endian with the group length first. Raises LocalError for a value that does not fit."""
        body = bytearray()
        for element in ELEMENTS:
            if element.name == "data_set_type":
                value: Any = DATA_SET if data_set_follows else NO_DATA_SET
            else:
                value = getattr(self, element.name)
            if value is not None:
                encoded = encode_value(element, value)
                body += _ELEMENT.pack(0, element.number, len(encoded))
                body += encoded
        return _ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def decode_command(data: bytes) -> CommandSet:
    """Read a whole command set. Elements that are unknown or retired are ignored, in whatever order they come.

    Raises ProtocolFault where it is no command set, or lacks what the message cannot be received or answered without:
    its command field, its data set type, the message id of a request, the id and status of a response.
    """
    values: dict[str, Any] = {}
    seen: set[int] = set()
    at = 0
    while at < len(data):
        if len(data) - at < _ELEMENT.size:
            raise ProtocolFault("a command set ends in the header of an element")
        group, number, length = _ELEMENT.unpack_from(data, at)
        at += _ELEMENT.size
        if group:
            raise ProtocolFault(f"an element of group {group:04X} in a command set")
        if length > len(data) - at:
            raise ProtocolFault(f"element (0000,{number:04X}) reaches beyond its command set")
        if number in seen:
            raise ProtocolFault(f"element (0000,{number:04X}) comes twice in a command set")
        seen.add(number)
        element = BY_NUMBER.get(number)
        if element and length:
            values[element.name] = decode_value(element, data[at : at + length])
        at += length
    _demand(values, "command_field", "data_set_type")
    command = CommandSet(**values, invalid=tuple(name for name, value in values.items() if value is None))
    if command.is_response:
        _demand(values, "message_id_responded_to", "status")
    elif command.command_field == CommandField.C_CANCEL_RQ:
        _demand(values, "message_id_responded_to")
    else:
        _demand(values, "message_id")
    return command


def _demand(values: dict[str, Any], *wanted: str) -> None:
    for name in wanted:
        if name not in values:
            raise ProtocolFault(f"a command set without {name}")


def c_echo_rq(message_id: int) -> CommandSet:
    """C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return CommandSet(command_field=CommandField.C_ECHO_RQ, message_id=message_id, affected_sop_class=VERIFICATION)


def c_echo_rsp(request: CommandSet, status: int = 0x0000) -> CommandSet:
    """C-ECHO-RSP (PS3.7 9.3.5.2)."""
    return response(request, status)


def c_store_rq(
    message_id: int,
    sop_class: str,
    sop_instance: str,
    *,
    priority: int = 0,
    move_originator_ae: str | None = None,
    move_originator_message_id: int | None = None,
) -> CommandSet:
    """C-STORE-RQ (PS3.7 9.3.1.1). Priority 0 medium, 1 high, 2 low."""
    return CommandSet(
        command_field=CommandField.C_STORE_RQ,
        message_id=message_id,
        affected_sop_class=sop_class,
        affected_sop_instance=sop_instance,
        priority=priority,
        move_originator_ae=move_originator_ae,
        move_originator_message_id=move_originator_message_id,
    )


def c_store_rsp(request: CommandSet, status: int, *, error_comment: str = "") -> CommandSet:
    """C-STORE-RSP (PS3.7 9.3.1.2, PS3.4 B.2.3). The comment is cut at 64 characters and must hold no PHI."""
    return response(request, status, error_comment=error_comment)


def response(request: CommandSet, status: int, *, error_comment: str = "") -> CommandSet:
    """The response to any request, one that we do not know included: it repeats whatever the request named."""
    return CommandSet(
        command_field=request.command_field | _RESPONSE,
        message_id_responded_to=request.message_id,
        status=status,
        error_comment=error_comment or None,
        affected_sop_class=request.affected_sop_class or request.requested_sop_class,
        affected_sop_instance=request.affected_sop_instance or request.requested_sop_instance,
        event_type=request.event_type,
        action_type=request.action_type,
    )
