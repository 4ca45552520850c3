"""The data sets of storage commitment (PS3.4 annex J) between bytes and values: the request and the report, both ways.

Owns their elements, in Implicit and Explicit VR Little Endian. It decides nothing, reads nothing else of a data set,
and keeps no more than the UIDs. Iterative, so depth costs no stack; whatever the bytes, it returns or raises
`ReferencesRefused`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence

from appliance.base import limits, names
from appliance.base.errors import PeerError
from appliance.upper_layer.command import CommandSet

STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
REQUEST_COMMITMENT = 1  # action type, PS3.4 J.3.2.1
ALL_COMMITTED = 1  # event types, PS3.4 J.3.3.1
FAILURES_EXIST = 2

NO_SUCH_SOP_CLASS = 0x0118
NO_SUCH_EVENT = 0x0113
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
INVALID_ARGUMENT = 0x0115
CLASS_INSTANCE_CONFLICT = 0x0119
DUPLICATE_TRANSACTION = 0x0131
RESOURCE_LIMITATION = 0x0213

# PS3.7 annex C: what an N-EVENT-REPORT-RSP says of an event that was taken, if with a murmur. 0xBxxx is a warning.
TAKEN = frozenset((0x0000, 0x0001, 0x0107, 0x0116))

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
TRANSFER_SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)

Reference = tuple[str, str]
"""SOP Class UID and SOP Instance UID."""

_SOP_CLASS = 0x00081150
_SOP_INSTANCE = 0x00081155
_TRANSACTION = 0x00081195
_FAILURE_REASON = 0x00081197
_FAILED = 0x00081198
_REFERENCED = 0x00081199
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_DEPTH = 32  # of what is passed over; the request itself has one level
_LONGEST = 66  # bytes of a UID with its padding, and a little more

# PS3.5 7.1.2: value representations with a 16-bit length. Every other one, future ones too, has a 32-bit length.
_SHORT_VR = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_VR = re.compile(rb"[A-Z]{2}")
_TAG = struct.Struct("<HH")
_LONG = struct.Struct("<L")
_SHORT = struct.Struct("<H")


class ReferencesRefused(PeerError):
    """The data set of a request or a report cannot be used; `status` is the response's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode_request(data: bytes, transfer_syntax: str) -> tuple[str, tuple[Reference, ...]]:
    """Transaction UID and references of an N-ACTION-RQ's data set, in their order. Raises `ReferencesRefused`."""
    reader = _Reader(data, transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN)
    transaction: str | None = None
    references: tuple[Reference, ...] | None = None
    at = 0
    while at < len(data):
        tag, length, value_at, implicit = reader.element(at, len(data), reader.explicit)
        if tag == _TRANSACTION and transaction is None:
            transaction = reader.uid(value_at, length)
        elif tag == _REFERENCED and references is None:
            at, found = reader.references(value_at, length, reader.explicit and not implicit)
            references = tuple(reference for reference, _ in found)
            continue
        elif tag in (_TRANSACTION, _REFERENCED):
            raise ReferencesRefused(PROCESSING_FAILURE, "an element of the request comes twice")
        at = reader.past(value_at, length, implicit)
    if transaction is None:
        raise ReferencesRefused(INVALID_ARGUMENT, "its Transaction UID is missing or no UID")
    if not references:
        raise ReferencesRefused(INVALID_ARGUMENT, "its Referenced SOP Sequence is missing or empty")
    return transaction, references


def decode_report(data: bytes, transfer_syntax: str) -> tuple[str, dict[Reference, int]]:
    """Transaction UID, and for each instance its Failure Reason or 0 for one that is committed, of an
    N-EVENT-REPORT-RQ's data set. Where it says both of an instance, the failure counts. Raises `ReferencesRefused`."""
    reader = _Reader(data, transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN)
    transaction: str | None = None
    reasons: dict[Reference, int] = {}
    sequences: set[int] = set()
    at = 0
    while at < len(data):
        tag, length, value_at, implicit = reader.element(at, len(data), reader.explicit)
        if tag == _TRANSACTION and transaction is None:
            transaction = reader.uid(value_at, length)
        elif tag in (_REFERENCED, _FAILED) and tag not in sequences:
            sequences.add(tag)
            at, found = reader.references(value_at, length, reader.explicit and not implicit)
            for reference, reason in found:
                failure = (reason or PROCESSING_FAILURE) if tag == _FAILED else 0
                reasons[reference] = reasons.get(reference, 0) or failure
            continue
        elif tag in (_TRANSACTION, _REFERENCED, _FAILED):
            raise ReferencesRefused(PROCESSING_FAILURE, "an element of the report comes twice")
        at = reader.past(value_at, length, implicit)
    if transaction is None:
        raise ReferencesRefused(INVALID_ARGUMENT, "its Transaction UID is missing or no UID")
    if not reasons:
        raise ReferencesRefused(INVALID_ARGUMENT, "it names no instance")
    return transaction, reasons


class _Reader:
    """Reads elements of `data` by their place. `explicit` of the data set as a whole; what is UN within is implicit."""

    def __init__(self, data: bytes, explicit: bool) -> None:
        self._data = data
        self.explicit = explicit

    def element(self, at: int, end: int, explicit: bool) -> tuple[int, int, int, bool]:
        """Tag, length, place of the value, and whether its VR is UN. The value, where its length is known, ends
        before `end`."""
        data = self._data
        if end - at < 8:
            raise _cut_off()
        group, number = _TAG.unpack_from(data, at)
        tag = group << 16 | number
        unknown = False
        if not explicit or group == 0xFFFE:
            length, value_at = _LONG.unpack_from(data, at + 4)[0], at + 8
        elif (vr := data[at + 4 : at + 6]) in _SHORT_VR:
            length, value_at = _SHORT.unpack_from(data, at + 6)[0], at + 8
        else:
            if not _VR.fullmatch(vr) or end - at < 12:
                raise ReferencesRefused(PROCESSING_FAILURE, "its data set has an element without a VR")
            length, value_at, unknown = _LONG.unpack_from(data, at + 8)[0], at + 12, vr == b"UN"
        if length != _UNDEFINED and length > end - value_at:
            raise _cut_off()
        return tag, length, value_at, unknown

    def uid(self, at: int, length: int) -> str | None:
        """The UID that stands there, None if it is none."""
        return names.uid_from_wire(self._data[at : at + length]) if length <= _LONGEST else None

    def references(self, at: int, length: int, explicit: bool) -> tuple[int, list[tuple[Reference, int]]]:
        """Where the sequence ends, and its items: each reference with its Failure Reason, 0 where there is none."""
        end = len(self._data) if length == _UNDEFINED else at + length
        found: list[tuple[Reference, int]] = []
        while at < end:
            tag, size, value_at, _ = self.element(at, end, explicit)
            if tag == _SEQUENCE_END and length == _UNDEFINED:
                return value_at, found
            if tag != _ITEM:
                raise ReferencesRefused(PROCESSING_FAILURE, "its sequence holds something that is no item")
            if len(found) == limits.COMMITMENT_INSTANCES.default:
                raise ReferencesRefused(
                    RESOURCE_LIMITATION, f"it names more than {limits.COMMITMENT_INSTANCES.default} instances"
                )
            at, item = self._item(value_at, size, end, explicit)
            found.append(item)
        if length == _UNDEFINED:
            raise _cut_off()
        return end, found

    def past(self, value_at: int, length: int, implicit: bool) -> int:
        """Where the element ends; one of undefined length is walked through."""
        if length != _UNDEFINED:
            return value_at + length
        at, end = value_at, len(self._data)
        nested = [self.explicit and not implicit]  # one entry a level: whether it is explicit there
        while nested:
            tag, size, inner_at, unknown = self.element(at, end, nested[-1])
            at = inner_at
            if tag in (_ITEM_END, _SEQUENCE_END):
                nested.pop()
            elif size != _UNDEFINED:
                at += size
            elif len(nested) < _DEPTH:
                nested.append(nested[-1] and not unknown)
            else:
                raise ReferencesRefused(PROCESSING_FAILURE, "its data set is nested too deeply")
        return at

    def _item(self, at: int, length: int, end: int, explicit: bool) -> tuple[int, tuple[Reference, int]]:
        limit = end if length == _UNDEFINED else at + length
        uids: dict[int, str | None] = {}
        reason = 0
        while True:
            if length != _UNDEFINED and at >= limit:
                break
            tag, size, value_at, unknown = self.element(at, limit, explicit)
            if tag == _ITEM_END and length == _UNDEFINED:
                at = value_at
                break
            if tag in (_SOP_CLASS, _SOP_INSTANCE):
                uids[tag] = self.uid(value_at, size)
            elif tag == _FAILURE_REASON and size == _SHORT.size:
                (reason,) = _SHORT.unpack_from(self._data, value_at)
            at = self.past(value_at, size, unknown or not explicit)
            if at > limit:
                raise _cut_off()
        sop_class, sop_instance = uids.get(_SOP_CLASS), uids.get(_SOP_INSTANCE)
        if sop_class is None or sop_instance is None:
            raise ReferencesRefused(INVALID_ARGUMENT, "an item of its sequence lacks a UID")
        return at, ((sop_class, sop_instance), reason)


def _cut_off() -> ReferencesRefused:
    return ReferencesRefused(PROCESSING_FAILURE, "its data set ends within an element")


def encode_report(
    transaction: str, references: Sequence[Reference], reasons: Sequence[int], transfer_syntax: str
) -> tuple[int, bytes]:
    """Event type and data set of the N-EVENT-REPORT-RQ (PS3.4 J.3.3.1): `reasons` has a number for each reference, the
    Failure Reason of PS3.3 C.14.1.1 or 0 for one that is committed. Each reference is in one of the two sequences."""
    write = _Writer(transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN)
    pairs = list(zip(references, reasons, strict=True))
    committed = [_reference(write, reference) for reference, reason in pairs if not reason]
    failed = [
        _reference(write, reference) + write.element(_FAILURE_REASON, b"US", _SHORT.pack(reason))
        for reference, reason in pairs
        if reason
    ]
    parts = [write.uid(_TRANSACTION, transaction)]
    if failed:
        parts.append(write.sequence(_FAILED, failed))
    if committed:
        parts.append(write.sequence(_REFERENCED, committed))
    return FAILURES_EXIST if failed else ALL_COMMITTED, b"".join(parts)


def report_objection(command: CommandSet) -> int:
    """The status that speaks against an N-EVENT-REPORT-RQ by its command alone; 0 for none."""
    if command.affected_sop_class != STORAGE_COMMITMENT:
        return NO_SUCH_SOP_CLASS
    if command.affected_sop_instance != WELL_KNOWN_INSTANCE:
        return NO_SUCH_INSTANCE
    if command.event_type not in (ALL_COMMITTED, FAILURES_EXIST):
        return NO_SUCH_EVENT
    return 0 if command.data_set_follows else INVALID_ARGUMENT


def report_taken(status: int) -> bool:
    """Whether the status of an N-EVENT-REPORT-RSP says that the peer has the report."""
    return status in TAKEN or status >> 12 == 0xB


def encode_request(transaction: str, references: Iterable[Reference], transfer_syntax: str) -> bytes:
    """The data set of an N-ACTION-RQ."""
    write = _Writer(transfer_syntax != IMPLICIT_VR_LITTLE_ENDIAN)
    items = (_reference(write, reference) for reference in references)
    return write.uid(_TRANSACTION, transaction) + write.sequence(_REFERENCED, items)


def _reference(write: _Writer, reference: Reference) -> bytes:
    return write.uid(_SOP_CLASS, reference[0]) + write.uid(_SOP_INSTANCE, reference[1])


class _Writer:
    """Elements in one transfer syntax, sequences and items with their length stated."""

    def __init__(self, explicit: bool) -> None:
        self._explicit = explicit

    def element(self, tag: int, vr: bytes, value: bytes) -> bytes:
        head = _TAG.pack(tag >> 16, tag & 0xFFFF)
        if not self._explicit:
            return head + _LONG.pack(len(value)) + value
        if vr in _SHORT_VR:
            return head + vr + _SHORT.pack(len(value)) + value
        return head + vr + b"\0\0" + _LONG.pack(len(value)) + value

    def uid(self, tag: int, uid: str) -> bytes:
        value = uid.encode("ascii")
        return self.element(tag, b"UI", value + bytes(len(value) % 2))

    def sequence(self, tag: int, items: Iterable[bytes]) -> bytes:
        return self.element(tag, b"SQ", b"".join(self._items(items)))

    @staticmethod
    def _items(items: Iterable[bytes]) -> Iterator[bytes]:
        for item in items:
            yield _TAG.pack(0xFFFE, 0xE000) + _LONG.pack(len(item))
            yield item
