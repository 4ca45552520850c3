"""The sensor's request to `respond`: what goes in comes out, and nothing else is a request."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.block_request import SIZE, BlockRequest, decode, encode

REQUEST = BlockRequest(
    "D05", ipaddress.ip_address("10.20.0.99"), 40000, ipaddress.ip_address("10.20.0.2"), 104, 600, True
)
ADDRESSES = st.ip_addresses().filter(lambda address: address.version == 4 or address.ipv4_mapped is None)


def test_it_looks_like_this() -> None:
    assert encode(REQUEST).hex() == (
        "626c6f636b" "01" "01" "05" "9c40" "0068" "00000258"
        "00000000000000000000ffff0a140063" "00000000000000000000ffff0a140002"
    )  # fmt: skip
    assert SIZE == 48


@given(
    st.integers(1, 99), ADDRESSES, st.integers(1, 65535), ADDRESSES, st.integers(1, 65535), st.integers(1, 2**32 - 1),
    st.booleans(),
)  # fmt: skip
def test_what_goes_in_comes_out(rule, source, source_port, target, target_port, seconds, acknowledged) -> None:  # type: ignore[no-untyped-def]
    request = BlockRequest(f"D{rule:02}", source, source_port, target, target_port, seconds, acknowledged)
    assert decode(encode(request)) == request


@given(st.binary(max_size=100) | st.binary(min_size=41, max_size=43).map(lambda rest: b"block\x01" + rest))
def test_any_bytes_are_a_request_or_a_value_error(message: bytes) -> None:
    try:
        request = decode(message)
    except ValueError:
        return
    assert decode(encode(request)) == request


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 2 * SIZE, 65536])
def test_another_length_is_no_request(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes instead of 48"):
        decode((encode(REQUEST) * 1400)[:size])


@pytest.mark.parametrize(
    ("at", "byte"),
    [(0, 0), (5, 0), (5, 2), (6, 2), (6, 0x81), (7, 0), (7, 100)],
    ids=["magic", "version 0", "version 2", "flag 2", "flag 80", "rule 0", "rule 100"],
)
def test_a_field_that_cannot_be_is_refused(at: int, byte: int) -> None:
    message = bytearray(encode(REQUEST))
    message[at] = byte
    with pytest.raises(ValueError, match="no message|cannot be zero"):
        decode(bytes(message))


@pytest.mark.parametrize("field", [slice(8, 10), slice(10, 12), slice(12, 16)], ids=["source", "target", "seconds"])
def test_ports_and_seconds_are_not_zero(field: slice) -> None:
    message = bytearray(encode(REQUEST))
    message[field] = bytes(field.stop - field.start)
    with pytest.raises(ValueError, match="cannot be zero"):
        decode(bytes(message))
