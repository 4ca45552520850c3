"""DIMSE command sets as any endpoint might read them: Implicit VR Little Endian (PS3.7 6.3.1). Never raises."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from appliance.base import limits

_ELEMENT = struct.Struct("<HHI")
_MAX_ELEMENTS = 256

NAMES = {
    0x0001: "C-STORE",
    0x0010: "C-GET",
    0x0020: "C-FIND",
    0x0021: "C-MOVE",
    0x0030: "C-ECHO",
    0x0FFF: "C-CANCEL",
    0x0100: "N-EVENT-REPORT",
    0x0110: "N-GET",
    0x0120: "N-SET",
    0x0130: "N-ACTION",
    0x0140: "N-CREATE",
    0x0150: "N-DELETE",
}


@dataclass(slots=True)
class Command:
    """What a command set says, as far as rules need it. Instance UIDs are never taken in, only looked at."""

    context_id: int
    command_field: int | None = None
    sop_class: bytes = b""
    status: int | None = None
    data_set: bool = False
    move_destination: bytes = b""
    path_in_uid: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def is_response(self) -> bool:
        """Whether it answers another command."""
        return self.command_field is not None and bool(self.command_field & 0x8000)

    @property
    def name(self) -> str:
        """Like "C-STORE-RQ"."""
        if self.command_field is None:
            return "unknown"
        if self.command_field == 0x0FFF:
            return "C-CANCEL-RQ"
        name = NAMES.get(self.command_field & 0x7FFF)
        return f"{name}-{'RSP' if self.command_field & 0x8000 else 'RQ'}" if name else f"{self.command_field:04X}H"


def parse_command(context_id: int, data: bytes) -> Command:
    """Read a whole command set."""
    found = Command(context_id)
    at, end, previous = 0, len(data), -1
    group_length: tuple[int, int] | None = None
    for _ in range(_MAX_ELEMENTS):
        if at == end:
            break
        if end - at < 8:
            found.faults.append("bytes left over after the last element")
            break
        group, element, length = _ELEMENT.unpack_from(data, at)
        at += 8
        if group:
            found.faults.append("an element outside group 0000")
            break
        if length > end - at:
            found.faults.append("an element runs past the end")
            break
        if element <= previous and "elements out of order" not in found.faults:
            found.faults.append("elements out of order")
        previous = element
        value = data[at : at + length]
        at += length
        if element == 0x0000:
            group_length = (int.from_bytes(value, "little"), at)
        else:
            _take(found, element, value)
    else:
        found.faults.append("too many elements")
    if group_length is not None and not found.faults and group_length[0] != end - group_length[1]:
        found.faults.append("group length is wrong")
    if found.command_field is None and not found.faults:
        found.faults.append("no command field")
    return found


def _take(found: Command, element: int, value: bytes) -> None:
    if element in (0x0002, 0x0003):
        found.sop_class = value
    elif element in (0x1000, 0x1001):
        found.path_in_uid |= b".." in value or b"/" in value or b"\\" in value
    elif element == 0x0600:
        found.move_destination = value
    elif element in (0x0100, 0x0800, 0x0900):
        if len(value) != 2:
            found.faults.append("a number is not two bytes")
            return
        number = int.from_bytes(value, "little")
        if element == 0x0100:
            found.command_field = number
        elif element == 0x0800:
            found.data_set = number != 0x0101
        else:
            found.status = number


C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030
MOVE_UNKNOWN = 0xA801  # the status of a C-MOVE-RSP: its destination is unknown (PS3.4 C.4.2.1.5)


class CommandAssembly:
    """A command set whose fragments are still coming. Keeps no more than the limit and one byte."""

    __slots__ = ("_data", "_last", "context_id")

    def __init__(self) -> None:
        self._data = bytearray()
        self._last = False
        self.context_id = 0

    def __bool__(self) -> bool:
        return bool(self._data)

    def begin(self, context_id: int, last: bool) -> None:
        """A PDV with a fragment begins."""
        self.context_id = context_id
        self._last = last

    def add(self, piece: memoryview) -> int:
        """Take bytes of the fragment. Gives how many of them are kept."""
        kept = piece[: limits.SENSOR_COMMAND.default + 1 - len(self._data)]
        self._data += kept
        return len(kept)

    @property
    def whole(self) -> bool:
        """Whether the fragment that ended was the last."""
        return self._last

    @property
    def data(self) -> bytes:
        """Its bytes; empty where they are over the limit."""
        return bytes(self._data) if len(self._data) <= limits.SENSOR_COMMAND.default else b""

    def parse(self) -> Command:
        """The command set."""
        if len(self._data) > limits.SENSOR_COMMAND.default:
            return Command(self.context_id, faults=["over the limit"])
        return parse_command(self.context_id, bytes(self._data))

    def clear(self) -> int:
        """Begin anew. Gives how many bytes were kept."""
        count = len(self._data)
        self._data.clear()
        self._last = False
        return count
