"""Cuts outgoing DIMSE messages into P-DATA-TF PDUs of at most the size that the peer takes (PS3.8 9.3.5, annex E).

A PDU holds one PDV, so a command and its data set never share one (some servers choke on that). Fragments have even
length; a chunk of odd length leaves its last byte for the next.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.upper_layer.command import CommandSet
from appliance.upper_layer.negotiation import Negotiated
from appliance.upper_layer.pdu import HEADER, PDV_HEADER, Buffer, PduType

_COMMAND = 0x01
_LAST = 0x02


class MessageWriter:
    """The messages of one direction of an association, one after another."""

    def __init__(self, negotiated: Negotiated) -> None:
        self._negotiated = negotiated
        self._context_id = 0  # of the message whose data set is not sent to its end; 0 between messages
        self._odd = b""  # the byte that an odd chunk left

    @property
    def inside_message(self) -> bool:
        """Whether a data set is promised or begun and not sent to its end."""
        return bool(self._context_id)

    def command(self, context_id: int, command: CommandSet, data_set_follows: bool) -> bytes:
        """The PDUs of a command set. Raises LocalError in the middle of a message or for a context not accepted."""
        if self._context_id:
            raise LocalError("a command in the middle of a data set")
        if context_id not in self._negotiated.contexts:
            raise LocalError(f"presentation context {context_id} is not accepted")
        encoded = command.encode(data_set_follows)
        if data_set_follows:
            self._context_id = context_id
        return b"".join(self._pdus(context_id, b"", memoryview(encoded), _COMMAND, last=True))

    def data(self, context_id: int, data: Buffer, last: bool) -> Iterator[bytes]:
        """The PDUs of a chunk of the data set, each built with one copy; `data` stays unchanged until all are taken.

        Raises LocalError unless a command promised a data set in this context.
        """
        if not context_id or context_id != self._context_id:
            raise LocalError("a data set that no command promised")
        odd = self._odd
        self._odd = b""
        view = memoryview(data).cast("B")
        if last:
            self._context_id = 0
        elif (len(odd) + len(view)) % 2:
            if view:
                self._odd = bytes(view[-1:])
                view = view[:-1]
            else:
                odd, self._odd = b"", odd
        return self._pdus(context_id, odd, view, 0, last)

    def _pdus(self, context_id: int, first: bytes, data: memoryview, kind: int, last: bool) -> Iterator[bytes]:
        most = min(self._negotiated.peer_max_pdu or limits.MAX_PDU_SEND.default, limits.MAX_PDU_SEND.default)
        payload = (most - PDV_HEADER.size) & ~1
        at = 0
        left = len(first) + len(data)
        while left or last:
            size = min(left, payload)
            left -= size
            end = at + size - len(first)
            flags = kind | _LAST if last and not left else kind
            yield b"".join(
                (
                    HEADER.pack(PduType.P_DATA_TF, size + PDV_HEADER.size),
                    PDV_HEADER.pack(size + 2, context_id, flags),
                    first,
                    data[at:end],
                )
            )
            first = b""
            at = end
            if not left:
                return
