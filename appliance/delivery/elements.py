"""A data set as the elements that it is made of, each with the place of its value. Pure; it looks into no value.

It must never guess: what cannot be read to its last byte is no data set. Memory: some 100 bytes an element.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from appliance.base import limits

PIXEL_DATA = 0x7FE00010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF

# PS3.5 7.1.2: value representations with a 16-bit length. Every other one, future ones too, has a 32-bit length.
SHORT = frozenset(vr.decode() for vr in b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_VR = re.compile(rb"[A-Z]{2}")

Dictionary = Callable[[int], str]
"""The VR of a tag where the encoding does not say it; "" for one that is not known."""


class NotADataSet(Exception):
    """The bytes are not the encoding that they should be. Its text holds nothing of them."""


@dataclass(slots=True)
class Element:
    """One element. `vr` is "" where nobody knows it. `items` are those of a sequence; a UN of undefined length has
    them too, in Implicit VR Little Endian (PS3.5 6.2.2). `encapsulated`: the value is items of compressed frames."""

    tag: int
    vr: str
    start: int
    end: int
    items: list[list[Element]] | None = None
    encapsulated: bool = False


def unknown(_: int) -> str:
    """The dictionary in which nothing stands."""
    return ""


def parse(data: memoryview, *, big: bool = False, dictionary: Dictionary | None = None) -> list[Element]:
    """The elements of a whole data set: Explicit VR, or with a `dictionary` Implicit VR. Raises NotADataSet."""
    parser = _Parser(data, big)
    try:
        elements, end = parser.level(0, len(data), dictionary, 0, ends=False)
    except struct.error:
        raise NotADataSet("it ends within an element") from None
    assert end == len(data)
    return elements


class _Parser:
    def __init__(self, data: memoryview, big: bool) -> None:
        self._data = data
        self._orders = {order: (struct.Struct(order + "HH"), struct.Struct(order + "H"), struct.Struct(order + "L"))
                        for order in "<>"}  # fmt: skip
        self._big = big

    def level(
        self, at: int, end: int, dictionary: Dictionary | None, depth: int, *, ends: bool, little: bool = False
    ) -> tuple[list[Element], int]:
        """The elements from `at` to `end`, or to an item delimiter where it `ends` with one; and what is behind."""
        if depth > limits.TRANSCODE_DEPTH.default:
            raise NotADataSet("sequences lie too deep in one another")
        tags, short, long = self._orders[">" if self._big and not little else "<"]
        data = self._data
        elements: list[Element] = []
        while at < end:
            group, number = tags.unpack_from(data, at)
            tag = group << 16 | number
            if group == 0xFFFE:
                if tag == ITEM_END and ends:
                    return elements, at + 8
                raise NotADataSet("a delimiter stands where none may be")
            if dictionary is not None:
                vr, start = dictionary(tag), at + 8
                (length,) = long.unpack_from(data, at + 4)
            else:
                code = bytes(data[at + 4 : at + 6])
                if not _VR.fullmatch(code):
                    raise NotADataSet("an element has no value representation")
                vr = code.decode()
                if vr in SHORT:
                    start, (length,) = at + 8, short.unpack_from(data, at + 6)
                else:
                    start, (length,) = at + 12, long.unpack_from(data, at + 8)
            element = Element(tag, vr, start, start)
            elements.append(element)
            if length == UNDEFINED:
                at = self._undefined(element, end, dictionary, depth, little)
                continue
            at = element.end = start + length
            if at > end:
                raise NotADataSet("a value is longer than what is left")
            if vr == "SQ":
                element.items = self._items(start, at, dictionary, depth, little)
        if ends or at != end:
            raise NotADataSet("it ends within an item")
        return elements, at

    def _undefined(self, element: Element, end: int, dictionary: Dictionary | None, depth: int, little: bool) -> int:
        """Read what has no length of its own; where the next element starts."""
        if dictionary is None and element.tag == PIXEL_DATA and element.vr in ("OB", "OW"):
            at = element.start
            element.encapsulated = True
            while (length := self._delimiter(at, (ITEM, SEQUENCE_END), little)) is not None:
                at += 8 + length
            element.end = at
            return at + 8
        if element.vr == "UN":
            dictionary, little = unknown, True
        elif dictionary is not None and element.tag != PIXEL_DATA:
            element.vr = "SQ"  # nothing else has an undefined length in Implicit VR
        elif element.vr != "SQ":
            raise NotADataSet("a value that is no sequence has no length")
        element.items, at = [], element.start
        while (length := self._delimiter(at, (ITEM, SEQUENCE_END), little)) is not None:
            item, at = self._item(at + 8, length, end, dictionary, depth, little)
            element.items.append(item)
        element.end = at
        return at + 8

    def _items(self, at: int, end: int, dictionary: Dictionary | None, depth: int, little: bool) -> list[list[Element]]:
        """The items of a sequence whose length is known."""
        items = []
        while at < end:
            length = self._delimiter(at, (ITEM,), little)
            assert length is not None
            item, at = self._item(at + 8, length, end, dictionary, depth, little)
            items.append(item)
        if at != end:
            raise NotADataSet("an item is longer than its sequence")
        return items

    def _item(
        self, at: int, length: int, end: int, dictionary: Dictionary | None, depth: int, little: bool
    ) -> tuple[list[Element], int]:
        if length == UNDEFINED:
            return self.level(at, end, dictionary, depth + 1, ends=True, little=little)
        if at + length > end:
            raise NotADataSet("an item is longer than what is left")
        return self.level(at, at + length, dictionary, depth + 1, ends=False, little=little)

    def _delimiter(self, at: int, allowed: tuple[int, ...], little: bool) -> int | None:
        """The length of the item that starts at `at`; None for the end of the sequence."""
        tags, _, long = self._orders[">" if self._big and not little else "<"]
        group, number = tags.unpack_from(self._data, at)
        tag = group << 16 | number
        if tag not in allowed:
            raise NotADataSet("something else stands where an item must be")
        length: int = long.unpack_from(self._data, at + 4)[0]
        return None if tag == SEQUENCE_END else length
