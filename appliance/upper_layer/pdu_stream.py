"""Cuts the received bytes into PDU headers, bodies, PDV headers and fragments, without copying payload.

Owns the position in the stream and at most one straddling header or one body that somebody asked for. It must never
judge a PDU beyond its framing, nor buffer a P-DATA-TF.
"""

from __future__ import annotations

from enum import IntEnum

from appliance.upper_layer.pdu import HEADER, PDV_HEADER, Buffer, ProtocolFault

_EMPTY = memoryview(b"")


class Token(IntEnum):
    """What `next` found."""

    MORE = 0  # nothing: feed more
    PDU = 1  # a PDU header: `pdu_type`, `pdu_length`; call `collect`, `walk` or `skip` before the next `next`
    BODY = 2  # all of a PDU that was collected: `body`
    PDV = 3  # a PDV header: `context_id`, `flags`
    FRAGMENT = 4  # the next piece of that PDV: `fragment`, maybe empty; `pdv_left` bytes follow


class _Phase(IntEnum):
    HEADER = 0
    BODY = 1
    PDV_HEADER = 2
    PDV = 3
    SKIP = 4


class PduStream:
    """The stream of PDUs in one direction of a connection.

    `feed` a buffer, then call `next` until it says MORE. A fragment is a view into that buffer.
    """

    __slots__ = (
        "_at",
        "_end",
        "_held",
        "_pdu_left",
        "_phase",
        "_view",
        "body",
        "context_id",
        "flags",
        "fragment",
        "pdu_length",
        "pdu_type",
        "pdv_left",
    )

    def __init__(self) -> None:
        self._view = _EMPTY
        self._at = self._end = 0
        self._held = bytearray()
        self._phase = _Phase.HEADER
        self._pdu_left = 0
        self.pdu_type = self.pdu_length = self.context_id = self.flags = self.pdv_left = 0
        self.body = b""
        self.fragment = _EMPTY

    @property
    def inside_pdu(self) -> bool:
        """Whether the first byte of a PDU was received and its last was not."""
        return self._phase is not _Phase.HEADER or bool(self._held)

    @property
    def due(self) -> int:
        """Bytes that are still to come of the P-DATA-TF under way; 0 outside of one."""
        if self._phase is _Phase.PDV:
            return self._pdu_left
        return self._pdu_left - len(self._held) if self._phase is _Phase.PDV_HEADER else 0

    @property
    def held(self) -> int:
        """Bytes that are buffered now."""
        return len(self._held)

    def feed(self, data: memoryview) -> None:
        """Go on in `data`: a flat view of bytes that stays unchanged until `next` said MORE."""
        self._view = data
        self._at = 0
        self._end = len(data)

    def let_go(self) -> None:
        """Drop the buffer that was fed, read or not."""
        self._view = self.fragment = _EMPTY
        self._at = self._end = 0

    def next(self) -> Token:
        """Step to the next token. Raises ProtocolFault where PDV lengths do not fit into their PDU."""
        while True:
            phase = self._phase
            if phase is _Phase.PDV:
                return self._fragment()
            if phase is _Phase.PDV_HEADER:
                return self._pdv_header()
            if phase is _Phase.HEADER:
                header = self._gather(HEADER.size)
                if header is None:
                    return Token.MORE
                self.pdu_type, self.pdu_length = HEADER.unpack(header)
                self._pdu_left = self.pdu_length
                self._phase = _Phase.SKIP
                return Token.PDU
            if phase is _Phase.BODY:
                body = self._gather(self.pdu_length)
                if body is None:
                    return Token.MORE
                self.body = bytes(body)
                self._phase = _Phase.HEADER
                return Token.BODY
            taken = min(self._pdu_left, self._end - self._at)
            self._at += taken
            self._pdu_left -= taken
            if self._pdu_left:
                return Token.MORE
            self._phase = _Phase.HEADER

    def collect(self) -> None:
        """The PDU whose header was found is wanted whole. The caller has checked its length."""
        self._phase = _Phase.BODY

    def walk(self) -> None:
        """The PDU whose header was found is a P-DATA-TF: go through its PDVs."""
        self._phase = _Phase.PDV_HEADER

    def skip(self) -> None:
        """Drop the rest of the PDU that the stream is in, if it is in one."""
        if self._phase is not _Phase.HEADER:
            self._pdu_left -= len(self._held)
            self._held.clear()
            self._phase = _Phase.SKIP

    def _pdv_header(self) -> Token:
        if self._pdu_left < PDV_HEADER.size:
            raise ProtocolFault(f"{self._pdu_left} bytes where a PDV header belongs")
        header = self._gather(PDV_HEADER.size)
        if header is None:
            return Token.MORE
        length, self.context_id, self.flags = PDV_HEADER.unpack(header)
        self._pdu_left -= PDV_HEADER.size
        if length < 2:
            raise ProtocolFault(f"a PDV of length {length}")
        if length - 2 > self._pdu_left:
            raise ProtocolFault(f"a PDV reaches {length - 2 - self._pdu_left} bytes beyond its PDU")
        self.pdv_left = length - 2
        self._phase = _Phase.PDV
        return Token.PDV

    def _fragment(self) -> Token:
        at = self._at
        left = self.pdv_left
        taken = self._end - at
        if taken >= left:
            taken = left
            self._phase = _Phase.PDV_HEADER if self._pdu_left > left else _Phase.HEADER
        elif not taken:
            return Token.MORE
        self.fragment = self._view[at : at + taken]
        self._at = at + taken
        self.pdv_left = left - taken
        self._pdu_left -= taken
        return Token.FRAGMENT

    def _gather(self, size: int) -> Buffer | None:
        """The next `size` bytes: a view where they lie in one piece, a copy where they straddle buffers."""
        at = self._at
        held = self._held
        wanted = size - len(held)
        if self._end - at < wanted:
            held += self._view[at:]
            self._at = self._end
            return None
        self._at = at + wanted
        piece = self._view[at : at + wanted]
        if not held:
            return piece
        held += piece
        whole = bytes(held)
        held.clear()
        return whole
