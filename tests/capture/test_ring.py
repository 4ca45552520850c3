"""The ring, on real interfaces."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from appliance.base.errors import LocalError
from appliance.capture.ring import Ring
from appliance.capture.source import CaptureFailed, CaptureRefused
from tests.capture.lab import collect, needs, needs_root, udp_sink, wire

pytestmark = needs_root


def _udp(to: str, payload: bytes, count: int = 1) -> None:
    with udp_sink() as port, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(payload, (to, port))


def test_loopback_shows_each_packet_once() -> None:
    source = Ring("lo")
    marker = os.urandom(16)
    before = time.time()
    packets = collect(source, lambda: _udp("127.0.0.1", marker, 3))
    source.close()
    mine = [packet for packet in packets if marker in packet[1]]
    assert len(mine) == 3
    when, data, length, vlan = mine[0]
    assert before - 1 < when < time.time() + 1
    assert data.endswith(marker)
    assert (length, vlan) == (len(data), None)


@needs("ip")
def test_a_wire_shows_both_directions_and_the_kernels_vlan_tag() -> None:
    tagged = b"\xff" * 6 + b"\x02\0\0\0\0\x07" + b"\x81\x00\x00\x1e" + b"\x88\xb5" + b"tagged frame".ljust(50)
    plain = b"\xff" * 6 + b"\x02\0\0\0\0\x07" + b"\x88\xb5" + b"plain frame".ljust(50)
    sending = (
        "import socket,sys\n"
        "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); s.bind((sys.argv[1], 0))\n"
        "[s.send(bytes.fromhex(each)) for each in sys.argv[2:]]\n"
    )
    with wire(1) as lab:
        source = Ring(lab.near)

        def act() -> None:
            lab.inside(sys.executable, "-c", sending, lab.far, tagged.hex(), plain.hex(), check=True)
            subprocess.run([sys.executable, "-c", sending, lab.near, plain.hex()], check=True)

        packets = collect(source, act)
        source.close()
    ours = [(data, vlan) for _, data, _, vlan in packets if b" frame" in data]
    assert [vlan for data, vlan in ours if b"tagged" in data] == [30]
    assert len([data for data, vlan in ours if b"plain" in data and vlan is None]) == 2


def test_losses_are_counted_when_we_are_slow() -> None:
    source = Ring("lo", size=4 << 20)
    batches = source.batches(-1, 0.05)
    next(batches)
    _udp("127.0.0.1", bytes(8000), 2000)  # 16 MB into a ring of 4, while nobody reads
    dropped, down = source.losses()
    assert dropped > 0
    assert not down
    assert source.losses()[0] == 0
    while list(next(batches)):  # and it goes on
        pass
    _udp("127.0.0.1", b"after the flood")
    seen = b"".join(bytes(data) for _ in range(10) for _, data, _, _ in next(batches))
    source.close()
    assert b"after the flood" in seen


@needs("ip")
def test_an_interface_that_goes_down_and_comes_back_is_watched_on() -> None:
    with wire(2) as lab:
        source = Ring(lab.near)
        collect(source, lambda: subprocess.run(["ip", "link", "set", lab.near, "down"], check=True))
        assert source.losses()[1]
        marker = b"after the flap"

        def back() -> None:
            subprocess.run(["ip", "link", "set", lab.near, "up"], check=True)
            time.sleep(0.1)
            _udp(lab.far_ip, marker)

        packets = collect(source, back, 0.5)
        source.close()
    assert any(marker in data for _, data, _, _ in packets)


def test_a_readable_descriptor_wakes_it() -> None:
    wake, waker = os.pipe()
    source = Ring("lo")
    batches = source.batches(wake, 30.0)
    os.write(waker, b"x")
    begun = time.monotonic()
    list(next(batches))
    assert time.monotonic() - begun < 5
    source.close()
    os.close(wake)
    os.close(waker)


def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(CaptureFailed) as caught:
        Ring("nosuch0")
    assert "nosuch0" in str(caught.value)
    assert "lo" in str(caught.value)


TRY = """
import os
from appliance.capture.interface import open_interface
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
try:
    open_interface("lo")
except Exception as error:
    print(type(error).__name__, error.exit_status, error)
"""


def test_without_the_capability_it_says_what_is_missing() -> None:
    done = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{CaptureRefused.__name__} 77 ")
    assert "CAP_NET_RAW" in done.stdout
    assert issubclass(CaptureRefused, LocalError)
