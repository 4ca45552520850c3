"""DIMSE command sets from outside."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.command_set import Command, CommandAssembly, parse_command
from tests.inspection.wire import CT_STORAGE, command


def element(number: int, value: bytes, group: int = 0) -> bytes:
    return struct.pack("<HHI", group, number, len(value)) + value


def test_a_store_request_is_read() -> None:
    found = parse_command(1, command(0x0001, data_set=True))
    assert (found.name, found.data_set, found.sop_class.rstrip(b"\0")) == ("C-STORE-RQ", True, CT_STORAGE)
    assert found.faults == []


@pytest.mark.parametrize(
    ("field", "name"), [(0x8001, "C-STORE-RSP"), (0x0FFF, "C-CANCEL-RQ"), (0x0021, "C-MOVE-RQ"), (0x4242, "4242H")]
)
def test_commands_have_names(field: int, name: str) -> None:
    assert parse_command(1, command(field)).name == name


def test_a_move_destination_and_a_status_are_read() -> None:
    found = parse_command(1, command(0x0021, more=element(0x0600, b"EVIL") + element(0x0900, b"\x01\xa8")))
    assert (found.move_destination, found.status) == (b"EVIL", 0xA801)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "no command field"),
        (command(1)[:-1], "an element runs past the end"),
        (command(1) + b"\0\0\0", "bytes left over after the last element"),
        (command(1) + element(0x10, b"x", group=8), "an element outside group 0000"),
        (element(0x0100, b"\1\0") + element(0x0002, b"1.2"), "elements out of order"),
        (element(0x0100, b"\1\0\0\0"), "a number is not two bytes"),
        (element(0, b"\x63\0\0\0") + command(1)[12:], "group length is wrong"),
        (element(0x0100, b"\1\0") * 300, "too many elements"),
    ],
)
def test_each_fault_is_named(data: bytes, fault: str) -> None:
    assert fault in parse_command(1, data).faults


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value(data: bytes) -> None:
    assert isinstance(parse_command(1, data), Command)


def test_an_assembly_keeps_no_more_than_its_limit() -> None:
    assembly = CommandAssembly()
    assembly.begin(1, last=True)
    kept = sum(assembly.add(memoryview(bytes(1000))) for _ in range(100))
    assert kept == 16385
    assert assembly.parse().faults == ["over the limit"]
    assert assembly.clear() == kept
    assert not assembly
