"""PDU headers and the PDUs of fixed length: reject, release, abort (PS3.8 9.3.4, 9.3.6 to 9.3.8).

Owns the numbers of the protocol and the fault that every decoder of this room raises. Reserved bytes are sent as zero
and never tested.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from appliance.base.errors import LocalError, PeerError

Buffer = bytes | bytearray | memoryview

HEADER = struct.Struct(">BxL")
PDV_HEADER = struct.Struct(">LBB")
_REJECT = struct.Struct(">BxLxBBB")
_ABORT = struct.Struct(">BxLxxBB")


class PduType(IntEnum):
    """PS3.8 9.3.1."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7

    @property
    def title(self) -> str:
        """The standard's name."""
        name = self.name.replace("_", "-")
        return name if self is PduType.P_DATA_TF else f"A-{name}"


class AbortSource(IntEnum):
    """PS3.8 table 9-26."""

    SERVICE_USER = 0
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Why a service provider aborts (PS3.8 table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


# What PS3.8 table 9-21 allows: the reasons of each source.
_REJECT_REASONS = {1: (1, 2, 3, 7), 2: (1, 2), 3: (1, 2)}


class ProtocolFault(PeerError):
    """The peer broke the protocol. Raised inside this room only; the engine makes it an abort and a `PeerFault`."""

    def __init__(self, message: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(message)
        self.reason = reason


def encode_header(pdu_type: PduType, length: int) -> bytes:
    """The six bytes before the `length` bytes of a PDU."""
    return HEADER.pack(pdu_type, length)


def encode_reject(result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ. Raises LocalError for a triple that table 9-21 does not have."""
    if result not in (1, 2) or reason not in _REJECT_REASONS.get(source, ()):
        raise LocalError(f"({result}, {source}, {reason}) is no A-ASSOCIATE-RJ of PS3.8 table 9-21")
    return _REJECT.pack(PduType.ASSOCIATE_RJ, 4, result, source, reason)


def decode_reject(body: bytes) -> tuple[int, int, int]:
    """Result, source and reason from the four bytes of an A-ASSOCIATE-RJ, as sent."""
    return body[1], body[2], body[3]


def encode_release(pdu_type: PduType) -> bytes:
    """A-RELEASE-RQ or A-RELEASE-RP."""
    return encode_header(pdu_type, 4) + bytes(4)


def encode_abort(source: int, reason: int) -> bytes:
    """A-ABORT. The reason counts with the service provider as source alone. Raises LocalError for other numbers."""
    if source not in tuple(AbortSource) or reason not in tuple(AbortReason):
        raise LocalError(f"({source}, {reason}) is no A-ABORT of PS3.8 table 9-26")
    return _ABORT.pack(PduType.ABORT, 4, source, reason if source else 0)


def decode_abort(body: bytes) -> tuple[int, int]:
    """Source and reason from the four bytes of an A-ABORT, as sent."""
    return body[2], body[3]
