"""The channel between `forward` and the associations of `receive`: whole messages, or an error that ends it."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.host import report_channel
from appliance.host.report_channel import Answered, Asked, Begun, Here, Message, Report

ID = "0123456789abcdef" * 2


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[socket.socket, socket.socket]]:
    with report_channel.listen(tmp_path) as listener, report_channel.connect(tmp_path) as association:
        forward, _ = listener.accept()
        with forward:
            forward.setblocking(False)
            yield association, forward


@pytest.mark.parametrize(
    "message",
    [Here("CT süd", "CT1", "PACS"), Asked(ID), Begun(ID), Answered(ID, 0x0110), Answered(ID, None), Report(ID, 7)],
)
def test_a_message_arrives_as_it_was(pair: tuple[socket.socket, socket.socket], message: Message) -> None:
    report_channel.send(pair[0], message)
    assert report_channel.receive(pair[1]) == (message, None)
    with pytest.raises(BlockingIOError):
        report_channel.receive(pair[1])


def test_a_report_goes_along_as_a_descriptor(pair: tuple[socket.socket, socket.socket]) -> None:
    sealed = os.urandom(300_000)
    descriptor = report_channel.pack(sealed, [0, 0x0112, 0xFFFF])
    report_channel.send(pair[1], Report(ID, len(sealed)), descriptor)
    os.close(descriptor)
    received = report_channel.receive(pair[0])
    assert received is not None and received[1] is not None
    assert report_channel.unpack(received[1], len(sealed)) == (sealed, (0, 0x0112, 0xFFFF))
    with pytest.raises(ValueError):
        report_channel.unpack(received[1], len(sealed) + 1)
    with pytest.raises(ValueError):
        report_channel.unpack(received[1], len(sealed) + 8)
    os.ftruncate(received[1], 1 << 30)
    with pytest.raises(ValueError):
        report_channel.unpack(received[1], len(sealed))
    os.close(received[1])


def test_the_end_of_either_side_is_seen(pair: tuple[socket.socket, socket.socket]) -> None:
    report_channel.send(pair[0], Asked(ID))
    pair[0].close()
    assert report_channel.receive(pair[1]) == (Asked(ID), None)
    assert report_channel.receive(pair[1]) is None
    with pytest.raises(OSError):
        report_channel.send(pair[1], Report(ID, 0))


def test_what_was_said_before_an_end_with_something_unread_is_heard(pair: tuple[socket.socket, socket.socket]) -> None:
    report_channel.send(pair[1], Report(ID, 0))
    report_channel.send(pair[0], Answered(ID, 0))
    pair[0].close()
    assert report_channel.receive(pair[1]) == (Answered(ID, 0), None)
    assert report_channel.receive(pair[1]) is None


@pytest.mark.parametrize(
    "junk",
    [
        b"{",
        b"[]",
        b"7",
        b'"Here"',
        b"{}",
        b'{"is":"Here"}',
        b'{"is":"Here","peer":1,"calling_ae":"A","called_ae":"B"}',
        b'{"is":"Asked","request_id":"../../etc"}',
        b'{"is":"Asked","request_id":7}',
        b'{"is":["Asked"],"request_id":7}',
        b'{"is":"Answered","request_id":"%s","status":65536}' % ID.encode(),
        b'{"is":"Answered","request_id":"%s","status":"0"}' % ID.encode(),
        b'{"is":"Report","request_id":"%s","sealed":-1}' % ID.encode(),
        b"\xff\xfe\xfd",
        b"x" * 10_000,
    ],
)
def test_junk_is_a_value_error_and_leaks_no_descriptor(pair: tuple[socket.socket, socket.socket], junk: bytes) -> None:
    descriptor = report_channel.pack(b"", [])
    before = len(os.listdir("/proc/self/fd"))
    socket.send_fds(pair[0], [junk], [descriptor])
    with pytest.raises(ValueError):
        report_channel.receive(pair[1])
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(descriptor)


def test_sending_to_one_that_does_not_read_never_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(BlockingIOError):
        for _ in range(10_000):
            report_channel.send(pair[0], Asked(ID))


def test_the_socket_is_for_its_group_and_its_directory_for_us_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        report_channel.listen(tmp_path).close()
        path = report_channel.socket_path(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert os.umask(0o022) == 0o022
        path.parent.chmod(0o2750)
        report_channel.listen(tmp_path).close()  # what the last run left is in nobody's way
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2750, "as tmpfiles.d made it"
    finally:
        os.umask(before)


def test_nobody_there_is_an_os_error_and_nowhere_to_listen_a_local_one(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        report_channel.connect(tmp_path)
    with pytest.raises(LocalError, match="cannot listen"):
        report_channel.listen(tmp_path / "none")


def test_the_longest_runtime_dir_leaves_room_for_the_name() -> None:
    longest = Path("/" + "r" * (limits.SOCKET_DIRECTORY.ceiling - 1))
    assert len(os.fsencode(report_channel.socket_path(longest))) <= 107
