"""Reads the first top-level elements of a data set in passing: SOP class and instance, modality, study, series.

Owns a copy of the head, at most `limits.DATASET_HEAD` bytes of it, and where the parser stands in it. It decodes only
those five values, keeps the bytes of a few more, and never raises on what a peer sent. Sequences are walked, not
descended into.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from appliance.base import limits, names
from appliance.upper_layer.pdu import Buffer

_SOP_CLASS = 0x00080016
_SOP_INSTANCE = 0x00080018
_MODALITY = 0x00080060
_STUDY = 0x0020000D
_SERIES = 0x0020000E
_WANTED = frozenset({_SOP_CLASS, _SOP_INSTANCE, _MODALITY, _STUDY, _SERIES})
_LONGEST = 66  # a UID of 64 characters, and padding that should not be

_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_BEFORE_DATA_SETS = 0x0007FFFF  # groups up to 0006 are for commands, file meta and directories (PS3.5 7.1)

# PS3.5 7.1.2: value representations with a 16-bit length. Every other one, future ones too, has a 32-bit length.
_SHORT_VR = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_VR = re.compile(rb"[A-Z]{2}")
_CODE = re.compile(rb"[A-Z0-9_ ]{1,16}")

_IMPLICIT = frozenset({"1.2.840.10008.1.2", "1.2.840.113619.5.2"})  # the second: GE, big endian pixels alone
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
# PS3.5 A.5 and the JPIP syntaxes whose data set is deflated as a whole.
_DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})

_LITTLE = (struct.Struct("<HH2sH"), struct.Struct("<L"))
_BIG = (struct.Struct(">HH2sH"), struct.Struct(">L"))


@dataclass(frozen=True, slots=True)
class DataHead:
    """What the head holds; None for what was not found or is no such value. Its repr shows none of it.

    `malformed` when the parser met something that no data set has: then what stands behind is unknown.
    """

    sop_class: str | None
    sop_instance: str | None
    modality: str | None
    study: str | None
    series: str | None
    malformed: bool

    def __repr__(self) -> str:
        return f"DataHead(malformed={self.malformed})"


class HeadParser:
    """Fed with the data set from its first byte until `done`. A private or unknown syntax is read as explicit VR LE."""

    def __init__(self, transfer_syntax: str, also: frozenset[int] = frozenset()) -> None:
        """`also`: tags up to (0020,0013) whose values are kept as they came, for `values`."""
        self._also = also
        self._last = max(also | {_SERIES})
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if transfer_syntax in _DEFLATED else None
        self._explicit = transfer_syntax not in _IMPLICIT
        self._order = _BIG if transfer_syntax == _BIG_ENDIAN else _LITTLE
        self._room = limits.DATASET_HEAD.default  # bytes of the data set that may still be looked at
        self._deflated_room = limits.DATASET_HEAD.default
        self._head = bytearray()
        self._at = 0  # of the element that is next
        self._depth = 0  # of sequences and items of undefined length
        self._implicit_above = 0  # a UN of undefined length makes what is deeper implicit (PS3.5 6.2.2)
        self._last_tag = _BEFORE_DATA_SETS  # at the top level
        self._values: dict[int, bytes] = {}
        self._malformed = False
        self._broken = False  # the deflated stream, not what it holds
        self.done = False

    def feed(self, data: Buffer) -> None:
        """Take the next bytes of the data set; copies what it keeps. Does nothing when `done`."""
        if self.done:
            return
        if self._inflate is not None:
            data = self._inflated(memoryview(data))
        self._head += data[: self._room]
        self._room -= min(len(data), self._room)
        self._parse()
        if not self._room or not self._deflated_room or self._at >= limits.DATASET_HEAD.default:
            self.done = True
        if self._broken and not self.done:
            self._stop(malformed=True)
        if self.done:
            self._head = bytearray()
            self._inflate = None

    def result(self) -> DataHead:
        """What was found up to now."""
        uids = (self._uid(tag) for tag in (_SOP_CLASS, _SOP_INSTANCE, _STUDY, _SERIES))
        sop_class, sop_instance, study, series = uids
        modality = self._values.get(_MODALITY, b"").strip(b"\0 ")
        return DataHead(
            sop_class=sop_class,
            sop_instance=sop_instance,
            modality=modality.decode("ascii") if _CODE.fullmatch(modality) else None,
            study=study,
            series=series,
            malformed=self._malformed,
        )

    def values(self) -> dict[int, bytes]:
        """Of the tags that were asked for, those that were found up to now, with their values as they were sent."""
        return {tag: value for tag, value in self._values.items() if tag in self._also}

    def _uid(self, tag: int) -> str | None:
        return names.uid_from_wire(self._values.get(tag, b""))

    def _inflated(self, data: memoryview) -> bytes:
        """At most the room that is left, from at most as many deflated bytes: a bomb ends there."""
        assert self._inflate is not None
        data = data[: self._deflated_room]
        self._deflated_room -= len(data)
        before = self._inflate.copy()
        try:
            return self._inflate.decompress(data, self._room)
        except zlib.error:
            self._inflate = before
            return self._until_it_breaks(data)

    def _until_it_breaks(self, data: memoryview) -> bytes:
        """What stands before the break: zlib drops the output of a call in which it finds one, so a byte a call."""
        assert self._inflate is not None
        found = bytearray()
        for at in range(len(data)):
            try:
                found += self._inflate.decompress(data[at : at + 1], self._room - len(found))
            except zlib.error:
                self._broken = True
                break
            if len(found) >= self._room:
                break
        return bytes(found)

    def _stop(self, malformed: bool = False) -> None:
        self.done = True
        self._malformed = malformed

    def _parse(self) -> None:
        """Go on from the last element that was whole, as far as the bytes reach."""
        head = self._head
        while not self.done and self._at + 8 <= len(head):
            element = self._element()
            if element is None:
                return
            tag, length, value_at, is_unknown = element
            if self._depth:
                self._inside(tag, length, value_at, is_unknown)
                continue
            if tag <= self._last_tag:
                self._stop(malformed=True)
            elif tag > self._last:
                self._stop()
            elif (tag in _WANTED and length <= _LONGEST) or (tag in self._also and length <= limits.FACT.default):
                if value_at + length > len(head):
                    return
                self._values[tag] = bytes(head[value_at : value_at + length])
                self._at = value_at + length
                if tag == self._last:
                    self._stop()
            else:
                self._pass(length, value_at, is_unknown)
            self._last_tag = tag

    def _element(self) -> tuple[int, int, int, bool] | None:
        """Tag, length, where the value begins, and whether its VR is UN; None when more bytes or none are needed."""
        head, at = self._head, self._at
        implicit_here = 0 < self._implicit_above <= self._depth
        fields, long_length = _LITTLE if implicit_here else self._order
        group, number, vr, length = fields.unpack_from(head, at)
        tag = group << 16 | number
        if group == 0xFFFE or implicit_here or not self._explicit:
            return tag, long_length.unpack_from(head, at + 4)[0], at + 8, False
        if vr in _SHORT_VR:
            return tag, length, at + 8, False
        if not _VR.fullmatch(vr):
            self._stop(malformed=True)
            return None
        if at + 12 > len(head):
            return None
        return tag, long_length.unpack_from(head, at + 8)[0], at + 12, vr == b"UN"

    def _pass(self, length: int, value_at: int, is_unknown: bool) -> None:
        """Go past an element: past its value, or into it where its length is undefined."""
        if length != _UNDEFINED:
            self._at = value_at + length
            return
        self._at = value_at
        self._depth += 1
        if is_unknown and not self._implicit_above:
            self._implicit_above = self._depth

    def _inside(self, tag: int, length: int, value_at: int, is_unknown: bool) -> None:
        """An element, item or delimiter within something of undefined length."""
        if tag in (_ITEM_END, _SEQUENCE_END):
            self._depth -= 1
            self._at = value_at
            if self._depth < self._implicit_above:
                self._implicit_above = 0
        else:
            self._pass(length, value_at, is_unknown)
