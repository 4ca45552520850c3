"""The way that is left where there is no ring."""

from __future__ import annotations

import errno
import os
import socket
import time

import pytest

from appliance.capture.healed import Healed
from appliance.capture.interface import open_interface
from appliance.capture.ring import Ring
from appliance.capture.scapy_socket import ScapySocket
from appliance.capture.source import CaptureFailed
from tests.capture.lab import collect, needs, needs_root, udp_sink, wire
from tests.sensor_lab.ground import raw_socket, within

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


@needs("ip")
def test_without_a_ring_an_interface_that_is_made_anew_is_watched_on() -> None:
    def no_ring(interface: str) -> Ring:
        raise OSError(errno.ENOPROTOOPT, "no ring in this sandbox")

    tagged = b"\xff" * 6 + b"\x02\0\0\0\0\x07" + b"\x81\x00\x00\x1e" + b"\x88\xb5" + b"tagged frame".ljust(50)
    with wire(2) as lab:
        source = Healed(lab.near, lambda interface: open_interface(interface, no_ring))
        assert source.lossy
        batches, told, seen = source.batches(-1, 0.05), [], []
        next(batches)
        lab.down()
        lab.up()
        end = time.monotonic() + 15
        while len(told) < 2 and time.monotonic() < end:
            next(batches)
            told += source.take_gaps()
        assert told[-1].startswith(f"{lab.near} is watched again")
        with within(lab.namespace, lambda: raw_socket(lab.far)) as out:
            while not seen and time.monotonic() < end:
                out.send(tagged)
                seen = [bytes(data) for _, data, _, _ in next(batches) if b"tagged frame" in bytes(data)]
        source.close()
    assert seen[0] == tagged  # the kernel took the tag out, scapy puts it in again


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(CaptureFailed, match="nosuch0"):
        ScapySocket("nosuch0")
