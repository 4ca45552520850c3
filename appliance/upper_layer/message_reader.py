"""Puts received PDVs together to DIMSE messages: a command set, then its data set if one follows (PS3.7 6.3, PS3.8 E).

Owns the order of PDVs and at most one incomplete command set. Data set fragments pass through as views.
"""

from __future__ import annotations

from appliance.base import limits
from appliance.upper_layer.command import decode_command
from appliance.upper_layer.events import CommandReceived, DataFragment
from appliance.upper_layer.negotiation import Negotiated
from appliance.upper_layer.pdu import AbortReason, ProtocolFault

_COMMAND = 0x01  # bits of the message control header (PS3.8 E.2); the others are not checked
_LAST = 0x02


class MessageReader:
    """The messages of one direction of an association, one after another. `messages` counts those that are whole."""

    def __init__(self, negotiated: Negotiated) -> None:
        self._contexts = negotiated.contexts
        self._context_id: int | None = None  # of the message under way
        self._data_set = False  # whether its command set is whole and the data set under way
        self._last = False  # whether the PDV under way is the last of its command or data set
        self._command = bytearray()
        self.messages = 0

    @property
    def inside_message(self) -> bool:
        """Whether a message has begun and is not whole."""
        return self._context_id is not None

    @property
    def held(self) -> int:
        """Bytes that are buffered now."""
        return len(self._command)

    def begin(self, context_id: int, flags: int) -> None:
        """A PDV begins. Raises ProtocolFault when it does not belong here."""
        if context_id != self._context_id:
            if context_id not in self._contexts:
                raise ProtocolFault(f"a PDV for presentation context {context_id}, which is not accepted")
            if self._context_id is not None:
                raise _unexpected(f"a PDV for context {context_id} in a message of context {self._context_id}")
        is_command = bool(flags & _COMMAND)
        if is_command is self._data_set:
            raise _unexpected(
                "a command PDV where the data set goes on"
                if is_command
                else "a data PDV where a command goes on or begins"
            )
        self._context_id = context_id
        self._last = bool(flags & _LAST)

    def fragment(self, data: memoryview, ends: bool) -> CommandReceived | DataFragment | None:
        """A piece of that PDV; `ends` with its last byte. Raises ProtocolFault for a command set that is none."""
        context_id = self._context_id
        assert context_id is not None
        last = ends and self._last
        if self._data_set:
            if last:
                self._finish()
            elif not data:
                return None
            return DataFragment(context_id, data, last)
        if len(self._command) + len(data) > limits.COMMAND_SET.default:
            raise ProtocolFault(f"a command set of more than {limits.COMMAND_SET.default} bytes")
        self._command += data
        if not last:
            return None
        command = decode_command(bytes(self._command))
        self._command.clear()
        if command.data_set_follows:
            self._data_set = True
        else:
            self._finish()
        return CommandReceived(context_id, command)

    def drop(self) -> None:
        """The association is over: let go of what is incomplete."""
        self._command.clear()
        self._context_id = None
        self._data_set = False

    def _finish(self) -> None:
        self._context_id = None
        self._data_set = False
        self.messages += 1


def _unexpected(message: str) -> ProtocolFault:
    return ProtocolFault(message, AbortReason.UNEXPECTED_PARAMETER)
