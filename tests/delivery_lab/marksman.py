"""A kill -9, and a relay that fires it: when so many bytes have left us, or so many answers are about to reach us."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable

from tests.delivery.relay import Relay


class Shot:
    """One kill -9, to be fired by any thread, once or more often."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        assert process
        self._process = process
        self._fired = threading.Event()

    def fire(self) -> None:
        """Now."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._fired.set()

    def ends(self, seconds: float) -> None:
        """Wait until somebody has fired it, fire it after so long all the same, and wait for the end."""
        self._fired.wait(seconds)
        self.fire()
        self._process.wait()


class Marksman(Relay):
    """Aims at one moment at a time, and hits it from the thread that carries the bytes: nothing passes in between."""

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self._aim = threading.Lock()
        self._bytes: int | None = None
        self._answers: int | None = None
        self._shoot: Callable[[], None] = lambda: None
        self._unanswered: dict[socket.socket, int] = defaultdict(int)

    def aim(self, shoot: Callable[[], None], *, bytes_out: int | None = None, answers: int | None = None) -> None:
        """Shoot once, when so many more bytes have gone to the peer or so many more answers have come."""
        with self._aim:
            self._unanswered.clear()
            self._bytes, self._answers, self._shoot = bytes_out, answers, shoot

    def unanswered(self) -> list[int]:
        """The bytes that left us on each connection since its last answer, since the last aim."""
        with self._aim:
            return list(self._unanswered.values())

    def _copy(self, source: socket.socket, sink: socket.socket, outwards: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if outwards:
                    self._count(source, len(data), 0)
                else:
                    self._count(sink, 0, 1)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, near: socket.socket, sent: int, answers: int) -> None:
        with self._aim:
            self._unanswered[near] = 0 if answers else self._unanswered[near] + sent
            self._bytes = None if self._bytes is None else self._bytes - sent
            self._answers = None if self._answers is None else self._answers - answers
            if (self._bytes is not None and self._bytes <= 0) or (self._answers is not None and self._answers <= 0):
                self._bytes = self._answers = None
                self._shoot()
