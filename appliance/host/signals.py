"""Signals as readable events: a loop that waits on sockets hears SIGTERM and SIGHUP without races or polling."""

from __future__ import annotations

import signal
import socket


class Signals:
    """Takes over SIGTERM, SIGINT (stop) and SIGHUP (reload). `socket` becomes readable when one came."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False
        self.socket, self._send = socket.socketpair()
        self.socket.setblocking(False)
        self._send.setblocking(False)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        signal.set_wakeup_fd(self._send.fileno(), warn_on_full_buffer=False)

    def _on_stop(self, *_: object) -> None:
        self.stop = True

    def _on_reload(self, *_: object) -> None:
        self.reload = True

    def drain(self) -> None:
        """Empty the wake-up socket."""
        try:
            self.socket.recv(64)
        except BlockingIOError:
            pass

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        asked, self.reload = self.reload, False
        return asked

    def close(self) -> None:
        """Give the signals back to their defaults, for a process that was forked or ends."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        self.socket.close()
        self._send.close()
