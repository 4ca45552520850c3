"""The way that is left where there is no ring."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from appliance.capture.interface import open_interface
from appliance.capture.ring import Ring
from appliance.capture.scapy_socket import ScapySocket
from appliance.capture.source import CaptureFailed
from tests.capture.lab import collect, needs_root, udp_sink

pytestmark = needs_root


def test_the_ring_is_taken_where_there_is_one() -> None:
    source = open_interface("lo")
    assert isinstance(source, Ring)
    assert source.how.startswith("TPACKET_V3")
    source.close()


def test_without_a_ring_scapys_socket_sees_each_packet_once_and_says_so() -> None:
    def no_ring(interface: str) -> Ring:
        raise OSError(errno.ENOPROTOOPT, "no ring in this sandbox")

    source = open_interface("lo", ring=no_ring)
    assert isinstance(source, ScapySocket)
    assert "no ring" in source.how
    marker = os.urandom(16)

    def act() -> None:
        with udp_sink() as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(3):
                sender.sendto(marker, ("127.0.0.1", port))

    packets = collect(source, act)
    lost, _ = source.losses()  # the loopback is everybody's, and this socket is slow: it says what it did not see
    source.close()
    seen = len([packet for packet in packets if marker in packet[1]])
    assert seen <= 3 <= seen + lost


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(CaptureFailed, match="nosuch0"):
        ScapySocket("nosuch0")
