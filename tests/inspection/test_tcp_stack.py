"""What a SYN shows of its system: beside scapy's reading of the options, on frames of every shape, and on garbage."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import LLC, SNAP, Dot1Q, Ether

from appliance.inspection.frames import Segment, parse
from appliance.inspection.tcp_stack import described, looks_like, shown_in

ENDS: dict[str, str] = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
SNAP_FRAME = Ether(type=60, **ENDS) / LLC(dsap=170, ssap=170, ctrl=3) / SNAP(OUI=0, code=2048)
LINUX = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("NOP", None), ("WScale", 7)]
WINDOWS = [("MSS", 1460), ("NOP", None), ("WScale", 8), ("NOP", None), ("NOP", None), ("SAckOK", b"")]


def shown(frame: bytes) -> bytes:
    segment = parse(frame, len(frame))
    assert isinstance(segment, Segment)
    return shown_in(frame, segment.link, segment.start)


def syn(options: list[tuple[str, Any]], ttl: int = 64, **more: Any) -> bytes:
    return bytes(Ether(**ENDS) / IP(ttl=ttl) / TCP(flags="S", options=options, **more))


@pytest.mark.parametrize(
    ("options", "ttl", "words"),
    [
        (LINUX, 64, "TTL 64, mss sack timestamps nop wscale"),
        (LINUX, 33, "TTL 64, mss sack timestamps nop wscale"),
        (WINDOWS, 128, "TTL 128, mss nop wscale nop nop sack"),
        (WINDOWS, 65, "TTL 128, mss nop wscale nop nop sack"),
        ([("MSS", 1460)], 255, "TTL 255, mss"),
        ([("MSS", 536), ("EOL", None)], 30, "TTL 32, mss end"),
        ([], 64, "TTL 64, no options"),
        ([*LINUX, (34, b"cookie12")], 64, "TTL 64, mss sack timestamps nop wscale"),
        ([("MSS", 1), (77, b"")], 64, "TTL 64, mss 77"),
    ],
)
def test_it_is_told_by_ttl_and_order(options: list[tuple[str, Any]], ttl: int, words: str) -> None:
    frame = syn(options, ttl)
    found = described(shown(frame))
    assert found in (words, words + " end")  # scapy fills up to four bytes with ends


@pytest.mark.parametrize(
    "frame",
    [
        bytes(Ether(**ENDS) / Dot1Q(vlan=20) / IP(ttl=60) / TCP(flags="S", options=LINUX)),
        bytes(Ether(**ENDS) / Dot1Q(vlan=20) / Dot1Q(vlan=3) / IP(ttl=60) / TCP(flags="S", options=LINUX)),
        bytes(Ether(**ENDS) / IP(ttl=60, options=b"\x94\x04\0\0") / TCP(flags="S", options=LINUX)),
        bytes(Ether(**ENDS) / IPv6(hlim=60) / TCP(flags="S", options=LINUX)),
        bytes(SNAP_FRAME / IP(ttl=60) / TCP(flags="S", options=LINUX)),
        bytes(Ether(**ENDS) / IP(ttl=60) / TCP(flags="S", options=LINUX) / b"data in the SYN"),
    ],
    ids=["tag", "two tags", "IP options", "IPv6", "SNAP", "data"],
)  # fmt: skip
def test_however_it_is_wrapped(frame: bytes) -> None:
    assert described(shown(frame)) == "TTL 64, mss sack timestamps nop wscale"


def test_a_system_is_named_by_its_family_or_as_it_is() -> None:
    frame = bytes(Ether(**ENDS) / IP(ttl=126) / TCP(flags="S", options=WINDOWS))
    assert looks_like(described(shown(frame))) == "Windows"
    assert looks_like("TTL 255, mss") == "TTL 255, mss"


def test_this_machine_is_what_it_is() -> None:
    """The kernel's own SYN, from a capture of the loopback."""
    if os.geteuid() != 0:
        pytest.skip("a packet socket needs root")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as mirror:
        mirror.bind(("lo", 0))
        mirror.settimeout(10)
        with socket.create_server(("127.0.0.1", 0)) as server:
            called = server.getsockname()[1].to_bytes(2, "big")
            with socket.create_connection(server.getsockname()):
                while True:
                    frame = mirror.recv(2048)
                    segment = parse(frame, len(frame))
                    if isinstance(segment, Segment) and segment.flags & 2 and segment.key.endswith(called):
                        break
    assert looks_like(described(shown(frame))) == "Linux"


def test_headers_that_are_not_plain_show_nothing() -> None:
    frame = bytes(Ether(**ENDS) / IPv6(hlim=60) / IPv6ExtHdrDestOpt() / TCP(flags="S", options=LINUX))
    assert shown(frame) == b""


@given(st.binary(max_size=120), st.integers(0, 130), st.integers(0, 140))
def test_garbage_shows_nothing_or_something_to_compare(frame: bytes, link: int, start: int) -> None:
    found = shown_in(frame, link, start)
    assert not found or len(described(found)) <= 256


@given(st.binary(max_size=40), st.integers(0, 255))
def test_any_options_are_described_in_plain_words(options: bytes, ttl: int) -> None:
    words = described(bytes((ttl,)) + options)
    assert words.startswith("TTL ") and words.isascii() and words.isprintable() and len(words) <= 256
