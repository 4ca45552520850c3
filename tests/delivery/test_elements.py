"""Data sets read as elements: whole, cut off anywhere, and what no data set is."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.delivery.elements import Element, NotADataSet, parse, unknown
from tests.delivery.instances import element, item, sequence, undefined

UID = element(0x00080018, "UI", b"2.999.1\0")
PIXELS = element(0x7FE00010, "OW", b"\1\2\3\4")


def tags(elements: list[Element]) -> list[int]:
    return [each.tag for each in elements]


def value(data: bytes, each: Element) -> bytes:
    return data[each.start : each.end]


def test_values_lie_where_they_are_said_to() -> None:
    data = UID + element(0x00091001, "UN", b"private!") + PIXELS
    elements = parse(memoryview(data))
    assert [(each.tag, each.vr, value(data, each)) for each in elements] == [
        (0x00080018, "UI", b"2.999.1\0"),
        (0x00091001, "UN", b"private!"),
        (0x7FE00010, "OW", b"\1\2\3\4"),
    ]


@pytest.mark.parametrize("of_items", [item, undefined])
@pytest.mark.parametrize("undefined_length", [False, True])
def test_sequences_have_items_whichever_way_their_length_is_said(of_items: object, undefined_length: bool) -> None:
    assert callable(of_items)
    inner = sequence(0x00081140, of_items(UID), undefined_length=undefined_length)
    data = sequence(0x00081115, of_items(inner + UID), of_items(b""), undefined_length=undefined_length) + PIXELS
    outer, pixels = parse(memoryview(data))
    assert outer.items and [tags(each) for each in outer.items] == [[0x00081140, 0x00080018], []]
    nested = outer.items[0][0].items
    assert nested and [tags(each) for each in nested] == [[0x00080018]]
    assert value(data, pixels) == b"\1\2\3\4"


def test_a_un_without_a_length_holds_implicit_vr() -> None:
    implicit = struct.pack("<HHL", 0x0009, 0x1002, 2) + b"ab"
    data = element(0x00091001, "UN", undefined(implicit) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), length=0xFFFFFFFF)
    (private,) = parse(memoryview(data + b""))
    assert private.vr == "UN" and private.items
    assert [(each.tag, each.vr) for each in private.items[0]] == [(0x00091002, "")]


def test_compressed_pixels_are_one_value() -> None:
    fragments = struct.pack("<HHL", 0xFFFE, 0xE000, 0) + struct.pack("<HHL", 0xFFFE, 0xE000, 4) + b"abcd"
    data = element(0x7FE00010, "OB", fragments + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0), length=0xFFFFFFFF)
    (pixels, behind) = parse(memoryview(data + element(0xFFFCFFFC, "OB", b"\0\0")))
    assert pixels.encapsulated and value(data, pixels) == fragments
    assert behind.tag == 0xFFFCFFFC


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x08\x00\x18", "within an element"),
        (b"\x08\x00\x18\x00\0\0\x02\x00ab", "no value representation"),
        (UID[:-1], "longer than what is left"),
        (UID + b"\0", "within an element"),
        (struct.pack("<HHL", 0xFFFE, 0xE00D, 0), "delimiter"),
        (element(0x00081115, "SQ", UID), "must be"),
        (element(0x00081115, "SQ", item(UID)[:-4]), "longer than what is left|longer than its"),
        (element(0x00081115, "SQ", undefined(UID)[:-8]), "within an item"),
        (element(0x00091001, "OB", b"", length=0xFFFFFFFF), "has no length"),
        (struct.pack("<HH2sxxLHHL", 8, 0x1115, b"SQ", 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 99, "deep"),
    ],
)  # fmt: skip
def test_what_is_no_data_set_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(NotADataSet, match=words):
        parse(memoryview(data))


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_whatever_comes_is_read_or_refused(data: bytes, big: bool, implicit: bool) -> None:
    try:
        elements = parse(memoryview(data), big=big, dictionary=unknown if implicit else None)
    except NotADataSet:
        return
    assert all(each.start <= each.end <= len(data) for each in elements)


@pytest.mark.parametrize("cut", range(1, 120))
def test_a_data_set_that_is_cut_off_is_refused_but_between_two_elements(cut: int) -> None:
    first = sequence(0x00081115, undefined(UID), item(UID), undefined_length=True)
    data = first + UID + PIXELS
    whole = {0, len(first), len(first) + len(UID), len(data)}
    if cut >= len(data) or cut in whole:
        parse(memoryview(data[:cut]))
        return
    with pytest.raises(NotADataSet):
        parse(memoryview(data[:cut]))
