"""How the sensor asks: datagrams, and the kernel's word on who sent them."""

from __future__ import annotations

import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base.errors import LocalError
from appliance.capture.block_channel import Asker, Requests, channel_path, sensor_uid
from appliance.inspection.block_request import SIZE, BlockRequest, encode

REQUEST = BlockRequest(
    "D13", ipaddress.ip_address("2001:db8::99"), 4000, ipaddress.ip_address("2001:db8::2"), 104, 600, True
)


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[Requests]:
    made = Requests(tmp_path)
    yield made
    made.close()


def test_a_request_arrives_and_is_the_sensors(requests: Requests, tmp_path: Path) -> None:
    asker = Asker(tmp_path)
    assert requests.receive() is None
    assert asker.send(REQUEST)
    assert requests.receive() == (encode(REQUEST), -1)
    assert requests.receive() is None
    asker.close()


def test_another_user_is_told_apart_by_the_kernel(tmp_path: Path) -> None:
    requests = Requests(tmp_path, sender=os.geteuid() + 1)
    asker = Asker(tmp_path)
    asker.send(REQUEST)
    assert requests.receive() == (encode(REQUEST), os.geteuid())
    asker.close()
    requests.close()


def test_what_is_too_long_is_cut_and_so_no_request(requests: Requests, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(encode(REQUEST) + b"more", str(channel_path(tmp_path)))
    received = requests.receive()
    assert received is not None
    assert len(received[0]) == SIZE + 1


def test_descriptors_that_come_along_are_not_taken(requests: Requests, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(channel_path(tmp_path)))
        socket.send_fds(sender, [encode(REQUEST)], [0, 1, 2])
        assert requests.receive() is not None
        assert len(os.listdir("/proc/self/fd")) == before + 1  # the sender's socket


def test_nobody_else_gets_at_it(requests: Requests, tmp_path: Path) -> None:
    path = channel_path(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not stat.S_IMODE(path.parent.stat().st_mode) & 0o027


def test_an_absent_or_busy_respond_never_holds_the_sensor_up(tmp_path: Path) -> None:
    asker = Asker(tmp_path)
    assert not asker.send(REQUEST)
    requests = Requests(tmp_path)
    sent = sum(asker.send(REQUEST) for _ in range(1000))
    assert 0 < sent < 1000
    assert asker.unheard == 1001 - sent
    asker.close()
    requests.close()


def test_where_all_programs_have_one_user_that_is_the_sensors() -> None:
    assert sensor_uid() == os.geteuid()


def test_without_a_place_for_the_socket_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="systemd-tmpfiles --create"):
        Requests(tmp_path / "missing")
