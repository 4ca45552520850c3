"""Interfaces that come and go ring; a kernel without the bell is no error."""

from __future__ import annotations

import select
import socket

import pytest

from appliance.capture.link_bell import LinkBell
from tests.capture.lab import needs, needs_root, run, wire


def rings(bell: LinkBell, seconds: float) -> bool:
    return bool(select.select([bell], [], [], seconds)[0])


@needs_root
@needs("ip")
def test_an_interface_that_changes_rings_and_is_hushed() -> None:
    with wire(7) as lab:
        bell = LinkBell()
        for change in (("set", lab.near, "down"), ("set", lab.near, "name", f"{lab.near}x"), ("del", f"{lab.near}x")):
            run("ip", "link", *change)
            assert rings(bell, 30)
            while rings(bell, 0.1):
                bell.hush()
        bell.close()
        assert bell.fileno() == -1
        bell.hush()


@needs_root
@needs("ip")
def test_more_than_the_kernel_keeps_is_no_error() -> None:
    with wire(7) as lab:
        bell = LinkBell()
        assert bell._socket is not None
        bell._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for number in range(40):
            run("ip", "link", "set", lab.near, "mtu", str(1400 + number))
        assert rings(bell, 30)
        with pytest.raises(OSError, match="buffer space"):
            while rings(bell, 0):
                bell._socket.recv(1)
        for number in range(40):
            run("ip", "link", "set", lab.near, "mtu", str(1300 + number))
        while rings(bell, 0.1):
            bell.hush()
        run("ip", "link", "del", lab.near)
        assert rings(bell, 30)  # it hears on
        bell.close()


def test_where_there_is_no_bell_it_never_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "RestrictAddressFamilies=")

    monkeypatch.setattr(socket, "socket", refuse)
    bell = LinkBell()
    assert bell.fileno() == -1
    bell.hush()
    bell.close()
