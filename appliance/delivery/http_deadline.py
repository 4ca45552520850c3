"""Ends a connection whose request takes too long, whatever the other side drips meanwhile.

Owns a second descriptor of the connection's socket, and one thread that sleeps until the deadline. It reads and writes
nothing: to shut the socket down is enough, for whoever waits on it then gets an end.
"""

from __future__ import annotations

import os
import socket
import threading
import time


class Deadline:
    """The deadline of one connection's requests, one at a time. Used by one thread; its own only shuts down."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._socket: socket.socket | None = None
        self._at: float | None = None
        self._thread: threading.Thread | None = None
        self._ended = False
        self.missed = False
        """Whether the request since the last `set` was cut off."""

    def watch(self, descriptor: int) -> None:
        """From now on the connection is the one behind `descriptor`."""
        with self._condition:
            self._forget()
            self._socket = socket.socket(fileno=os.dup(descriptor))

    def set(self, seconds: float) -> None:
        """A request begins, or comes to its next step: it has so long."""
        with self._condition:
            self._at, self.missed = time.monotonic() + seconds, False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="http deadline", daemon=True)
                self._thread.start()
            self._condition.notify()

    def lift(self) -> None:
        """The request is over."""
        with self._condition:
            self._at = None

    def end(self) -> None:
        """There will be no more requests."""
        with self._condition:
            self._ended = True
            self._condition.notify()
            self._forget()
        if self._thread:
            self._thread.join()

    def _forget(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _run(self) -> None:
        with self._condition:
            while not self._ended:
                left = None if self._at is None else self._at - time.monotonic()
                if left is None or left > 0:
                    self._condition.wait(left)
                    continue
                self._at, self.missed = None, True
                if self._socket:
                    try:
                        self._socket.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass  # it is gone already
