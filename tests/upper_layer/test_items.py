from __future__ import annotations

import pytest

from appliance.base.errors import LocalError
from appliance.upper_layer.items import ItemReader, encode_counted, encode_item, encode_uid, split_counted
from appliance.upper_layer.pdu import ProtocolFault
from tests.upper_layer.wire import CT, item


def test_items_one_after_another() -> None:
    data = encode_item(0x10, b"ab", b"c") + encode_item(0x20) + encode_item(0xFF, b"z")
    assert data.hex(" ") == "10 00 00 03 61 62 63 20 00 00 00 ff 00 00 01 7a"
    assert list(ItemReader(10).split(data)) == [(0x10, b"abc"), (0x20, b""), (0xFF, b"z")]


def test_the_reserved_byte_is_not_tested() -> None:
    assert list(ItemReader(1).split(b"\x10\xee\0\0")) == [(0x10, b"")]


@pytest.mark.parametrize("data", [b"\x10", b"\x10\0", b"\x10\0\0", b"\x10\0\0\1", b"\x10\0\xff\xffabc"])
def test_lengths_that_run_past_the_end(data: bytes) -> None:
    with pytest.raises(ProtocolFault):
        list(ItemReader(10).split(data))


def test_the_cap_counts_nested_items_too() -> None:
    reader = ItemReader(3)
    outer = list(reader.split(item(0x20, item(0x40), item(0x40))))
    assert len(list(reader.split(outer[0][1]))) == 2
    with pytest.raises(ProtocolFault, match="more than 3 items"):
        list(reader.split(item(0x20)))


@pytest.mark.parametrize("padding", [b"", b"\0", b" ", b"\0\0"])
def test_uids_may_be_padded(padding: bytes) -> None:
    assert ItemReader(1).uid(CT.encode() + padding) == CT


@pytest.mark.parametrize("value", [b"", b"abc", b"1..2", b"1.2.", b"1\0.2", b"1." * 40 + b"1", "1.٣".encode()])
def test_what_is_no_uid_is_empty(value: bytes) -> None:
    assert ItemReader(1).uid(value) == ""


def test_counted_values() -> None:
    assert split_counted(encode_counted(b"ab") + b"rest", "it") == (b"ab", b"rest")
    assert split_counted(b"\0\0", "it") == (b"", b"")
    for data in (b"", b"\0", b"\0\1", b"\xff\xffab"):
        with pytest.raises(ProtocolFault, match="it runs past"):
            split_counted(data, "it")


def test_what_does_not_fit_is_our_own_mistake() -> None:
    with pytest.raises(LocalError):
        encode_item(0x50, bytes(65536))
    with pytest.raises(LocalError):
        encode_counted(bytes(65536))
    with pytest.raises(LocalError):
        encode_uid("1.2.ü")
