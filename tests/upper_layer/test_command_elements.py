from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import dictionary_VR

from appliance.base.errors import LocalError
from appliance.upper_layer.command_elements import BY_NUMBER, ELEMENTS, decode_value, encode_value
from appliance.upper_layer.pdu import ProtocolFault
from tests.upper_layer.wire import CT


def test_numbers_ascend_and_vrs_are_the_dictionarys() -> None:
    numbers = [element.number for element in ELEMENTS]
    assert numbers == sorted(set(numbers))
    assert {element.number: element.vr for element in ELEMENTS} == {each: dictionary_VR(each) for each in numbers}


@pytest.mark.parametrize(
    ("number", "value", "encoded"),
    [
        (0x0002, CT, CT.encode() + b"\0"),
        (0x1000, "1.2.34", b"1.2.34"),
        (0x0110, 0xFFFF, b"\xff\xff"),
        (0x0600, "MOVE", b"MOVE"),
        (0x1030, "ABC", b"ABC "),
        (0x0901, (0x00080016, 0x7FE00010), bytes.fromhex("08001600 e07f1000")),
        (0x0902, "Out of storage", b"Out of storage"),
        (0x0902, "odd", b"odd "),
    ],
)
def test_there_and_back(number: int, value: Any, encoded: bytes) -> None:
    element = BY_NUMBER[number]
    assert encode_value(element, value) == encoded
    assert decode_value(element, encoded) == value


@pytest.mark.parametrize(
    ("number", "value"), [(0x1000, b"../../x"), (0x1000, b"1.2\0.3"), (0x0600, b"  "), (0x0600, b"A\\B")]
)
def test_values_that_are_none(number: int, value: bytes) -> None:
    assert decode_value(BY_NUMBER[number], value) is None


@pytest.mark.parametrize(("number", "value"), [(0x0110, b"\0"), (0x0110, bytes(4)), (0x0901, bytes(6))])
def test_values_of_the_wrong_length(number: int, value: bytes) -> None:
    with pytest.raises(ProtocolFault):
        decode_value(BY_NUMBER[number], value)


@pytest.mark.parametrize(
    ("number", "value"), [(0x0110, 65536), (0x0110, -1), (0x0002, "x"), (0x0002, ""), (0x0600, "x" * 17), (0x0600, "")]
)
def test_values_that_we_must_not_send(number: int, value: Any) -> None:
    with pytest.raises(LocalError):
        encode_value(BY_NUMBER[number], value)


def test_an_error_comment_is_cut_and_washed() -> None:
    comment = BY_NUMBER[0x0902]
    assert encode_value(comment, "ü\\" + "x" * 100) == b"??" + b"x" * 62
    assert decode_value(comment, b"evil\x1b[2J\n ") == r"evil\x1b[2J\x0a"
