"""Deadlines for blocking sockets: one thread sleeps until the earliest and shuts the socket that missed it.

A deadline runs from the first byte awaited to the last, so a peer that drips a byte a second loses. Shutting a socket
ends a blocked TLS receive in another thread (measured). While no deadline is set, the thread sleeps for good.
"""

from __future__ import annotations

import heapq
import socket
import threading
import time

_FAR = float("inf")


class Deadline:
    """The deadline of one connection. Setting it is a plain store; only an earlier alarm wakes the reaper."""

    __slots__ = ("_alarm", "_reaper", "_socket", "at", "expired", "what")

    def __init__(self, reaper: Reaper, connection: socket.socket) -> None:
        self._reaper = reaper
        self._socket: socket.socket | None = connection
        self._alarm = _FAR  # when the reaper will look at us next
        self.at = _FAR
        self.what = ""
        self.expired = ""

    def set(self, what: str, at: float) -> None:
        """From now on `what` must be over at `at` (time.monotonic seconds; infinity: never)."""
        self.what = what
        self.at = at
        if at < self._alarm:
            self._reaper.wake_at(self, at)

    def cut(self) -> None:
        """Shut the socket now, as if the deadline were missed: others need the place. From any thread."""
        with self._reaper.condition:
            self._expire(f"{self.what} (others wait)")

    def _expire(self, what: str) -> None:
        if self._socket is None:
            return
        self.expired = what
        try:
            # Not the method of SSLSocket: it would wait for the other side's close_notify.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster

    def close(self) -> None:
        """The connection is done; the reaper forgets it. Call before the socket is closed."""
        with self._reaper.condition:
            self._socket = None
            self.at = _FAR


class Reaper:
    """The thread that keeps the deadlines of a worker process."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self._heap: list[tuple[float, int, Deadline]] = []
        self._count = 0
        threading.Thread(target=self._run, name="reaper", daemon=True).start()

    def watch(self, connection: socket.socket) -> Deadline:
        """A deadline for `connection`, not set yet."""
        return Deadline(self, connection)

    def wake_at(self, deadline: Deadline, at: float) -> None:
        """Look at `deadline` at `at` at the latest."""
        with self.condition:
            deadline._alarm = at
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, deadline))
            if self._heap[0][2] is deadline:
                self.condition.notify()

    def _run(self) -> None:
        with self.condition:
            while True:
                wait = self._heap[0][0] - time.monotonic() if self._heap else None
                if wait is None or wait > 0:
                    self.condition.wait(wait)
                    continue
                alarm, _, deadline = heapq.heappop(self._heap)
                if alarm == deadline._alarm:
                    self._look_at(deadline)

    def _look_at(self, deadline: Deadline) -> None:
        deadline._alarm = _FAR
        if deadline._socket is None or deadline.at == _FAR:
            return
        if deadline.at > time.monotonic():
            deadline._alarm = deadline.at
            self._count += 1
            heapq.heappush(self._heap, (deadline.at, self._count, deadline))
            return
        deadline._expire(deadline.what)
