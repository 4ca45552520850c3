"""A bell for changes of interfaces (rtnetlink(7)): one came, went, or has another name. What rings says: look."""

from __future__ import annotations

import socket

_ROUTE, _LINKS = 0, 1  # NETLINK_ROUTE, RTMGRP_LINK
_LONGEST = 1 << 16
_MOST = 256  # at a time: whoever looks does so whatever it was


class LinkBell:
    """Readable when an interface changed. Where the kernel has none, or closes it to us, it never rings."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket: socket.socket | None = None
        try:
            self._socket = socket.socket(socket.AF_NETLINK, kind, _ROUTE)
            self._socket.bind((0, _LINKS))
        except OSError:
            self.close()

    def fileno(self) -> int:
        """A descriptor to wait for; -1 where there is none."""
        return self._socket.fileno() if self._socket else -1

    def hush(self) -> None:
        """Take in what rang. More than the kernel kept for us is one ring, too."""
        if self._socket is None:
            return
        for _ in range(_MOST):
            try:
                self._socket.recv(_LONGEST)
            except BlockingIOError:
                return
            except OSError:
                pass  # ENOBUFS, which reading takes away

    def close(self) -> None:
        """Let go of it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
