"""Headers: what a frame carries, whatever stands before it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inspection.frames import Fragment, Segment, Unread, parse
from tests.inspection.wire import ACK, frame

V4 = ("10.0.0.1", 40000, "10.0.0.2", 104)
V6 = ("2001:db8::1", 40000, "2001:db8::2", 104)


def segment(data: bytes) -> Segment:
    found = parse(data, len(data))
    assert isinstance(found, Segment)
    return found


@pytest.mark.parametrize("hosts", [V4, V6])
@pytest.mark.parametrize("vlans", [(), (30,), (100, 30), (1, 2, 3, 4)])
def test_a_segment_is_found_behind_any_vlan_tags(hosts: tuple[str, int, str, int], vlans: tuple[int, ...]) -> None:
    data = frame(*hosts, 7, 9, ACK, b"payload", vlans=vlans)
    found = segment(data)
    assert data[found.start : found.start + found.length] == b"payload"
    assert (found.seq, found.ack, found.flags, found.vlans) == (7, 9, ACK, vlans)
    assert found.key[-4:] == struct.pack("!HH", 40000, 104)
    assert len(found.key) == (12 if hosts is V4 else 36)


def test_padding_of_short_frames_is_no_payload() -> None:
    data = frame(*V4, 1, 1, ACK) + bytes(6)
    assert segment(data).length == 0


def test_tcp_options_are_passed_by() -> None:
    data = frame(*V4, 1, 1, ACK, b"x", options=bytes(12))
    found = segment(data)
    assert data[found.start : found.start + found.length] == b"x"


@pytest.mark.parametrize(
    "chain",
    [
        bytes((0,)) + bytes((6, 0)) + bytes(6),  # hop-by-hop
        bytes((0,)) + bytes((60, 0)) + bytes(6) + bytes((6, 1)) + bytes(14),  # hop-by-hop, destination options
        bytes((44,)) + bytes((6, 0, 0, 0, 0, 0, 0, 9)),  # an atomic fragment
        bytes((51,)) + bytes((6, 1)) + bytes(10),  # authentication header of 12 bytes
    ],
)
def test_ipv6_extension_headers_are_passed_by(chain: bytes) -> None:
    data = frame(*V6, 5, 6, ACK, b"abc", extensions=chain)
    found = segment(data)
    assert data[found.start : found.start + found.length] == b"abc"


def test_fragments_are_said_to_be_fragments() -> None:
    data = bytearray(frame(*V4, 1, 1, ACK, b"x"))
    data[20:22] = b"\x20\x00"  # more fragments
    assert parse(data, len(data)) == Fragment(bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)), 1, 6, 0, True, 34, 21, (), 0)
    data[20:22] = b"\x00\x10"  # an offset
    assert isinstance(parse(data, len(data)), Fragment)
    chain = bytes((44,)) + bytes((6, 0, 0, 1, 0, 0, 0, 9))
    six = frame(*V6, 1, 1, ACK, b"x", extensions=chain)
    assert isinstance(parse(six, len(six)), Fragment)


def test_a_merged_frame_without_a_total_length_ends_with_the_frame() -> None:
    data = bytearray(frame(*V4, 1, 1, ACK, b"y" * 500))
    data[16:18] = b"\0\0"
    assert segment(bytes(data)).length == 500


def test_a_frame_cut_short_still_tells_its_length() -> None:
    data = frame(*V4, 1, 1, ACK, b"z" * 1000)
    found = parse(data[:96], len(data))
    assert isinstance(found, Segment)
    assert found.length == 1000


@pytest.mark.parametrize("hosts", [V4, V6])
def test_headers_that_the_capture_cut_off_are_said_to_be(hosts: tuple[str, int, str, int]) -> None:
    data = frame(*hosts, 1, 1, ACK, b"z", vlans=(7,))
    headers = len(data) - 1
    for size in range(headers - 6):
        assert parse(data[:size], len(data)) is Unread.CUT, size
        assert parse(data[:size], size) in (None, Unread.CUT)
    assert isinstance(parse(data[:headers], len(data)), Segment)


@given(st.binary(max_size=200), st.integers(0, 70000))
def test_anything_is_a_segment_a_fragment_or_nothing(data: bytes, length: int) -> None:
    assert isinstance(parse(data, length), Segment | Fragment | Unread | None)


@given(st.data())
def test_a_changed_frame_is_a_segment_a_fragment_or_nothing(draw: st.DataObject) -> None:
    data = bytearray(frame(*draw.draw(st.sampled_from([V4, V6])), 1, 1, ACK, b"abc", vlans=(5,)))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    found = parse(bytes(data[: draw.draw(st.integers(0, len(data)))]), len(data))
    if isinstance(found, Segment):
        assert 0 <= found.length <= len(data)
