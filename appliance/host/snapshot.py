"""How programs tell the panel their state: datagrams to one AF_UNIX socket, sent without ever waiting.

A full queue or an absent panel drops a snapshot and counts it; the next one says so. Alerts wait. What is longer than
the kernel takes loses its longest part, and counts as well. The panel trusts the kernel's word on who sent
(SCM_CREDENTIALS), not the datagram's.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import struct
import threading
from collections import deque
from pathlib import Path
from typing import Any

from appliance.base import limits
from appliance.base.errors import LocalError

_UCRED = struct.Struct("=iII")
_FIRST_RETRY, _LONGEST_RETRY = 0.02, 10.0  # seconds; where none went, each is twice the one before
MAX_DATAGRAM = 256 << 10
"""Bytes: more than a socket sends of itself (net.core.wmem_default, 208 KiB), so that none is cut off."""


def panel_socket(runtime_dir: Path) -> Path:
    """Where the panel listens for snapshots."""
    return runtime_dir / "panel.sock"


def clear_name(path: Path) -> None:
    """Make room for a socket of that name. Raises LocalError where what lies there is another user's."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        raise LocalError(
            f"{path} belongs to another user",
            fix="Does `appliance run` of another user go on? If it ended, remove what it left in that directory.",
        ) from None


def release(bound: socket.socket, path: Path) -> None:
    """Close a socket and take its name away, which another user could not replace."""
    bound.close()
    with contextlib.suppress(OSError):
        path.unlink()


class Reporter:
    """A program's side. Thread-safe; it never blocks and never raises.

    The kernel queues some ten datagrams (net.unix.max_dgram_qlen), those of all programs together. A snapshot that
    finds no room is dropped, for another follows. An alert waits: nobody else tells it to the panel and the collector.
    """

    def __init__(self, runtime_dir: Path, program: str) -> None:
        self._address = str(panel_socket(runtime_dir))
        self._program = program
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._waiting: deque[dict[str, Any]] = deque()
        self._retry: threading.Timer | None = None
        self.dropped = 0

    def send(self, snapshot: dict[str, Any]) -> bool:
        """Send one snapshot, JSON values only, then alerts that wait. Says whether the panel's queue took it."""
        with self._lock:
            while error := self._try(snapshot):
                self.dropped += 1
                if error != errno.EMSGSIZE or not snapshot:
                    return False
                longest = max(snapshot, key=lambda key: len(json.dumps(snapshot[key])))
                snapshot = {
                    key: value for key, value in snapshot.items() if key != longest
                }  # it says that we are there
            self._catch_up()
            return True

    def tell(self, alert: dict[str, Any]) -> bool:
        """Send an alert, behind those that wait; else it waits for the next word to the panel. Says whether it went."""
        with self._lock:
            self._waiting.append(alert)
            if len(self._waiting) > limits.ALERT_BACKLOG.default:
                self._waiting.popleft()
                self.dropped += 1
            went = self._catch_up()
            if not went and self._retry is None:
                self._try_later(_FIRST_RETRY)
            return went

    def _try_later(self, seconds: float) -> None:
        """For who says nothing else. After a while without a panel, the next alert or snapshot must do."""

        def again() -> None:
            with self._lock:
                self._retry, had = None, len(self._waiting)
                went = self._catch_up()
                longer = seconds * 2 if len(self._waiting) == had else _FIRST_RETRY
                if not went and longer < _LONGEST_RETRY:
                    self._try_later(longer)

        self._retry = threading.Timer(seconds, again)
        self._retry.daemon = True
        self._retry.start()

    def _catch_up(self) -> bool:
        while self._waiting:
            error = self._try({"alert": self._waiting[0]})
            if error and error != errno.EMSGSIZE:
                return False
            self._waiting.popleft()
            self.dropped += bool(error)
        return True

    def _try(self, words: dict[str, Any]) -> int:
        """Send a datagram. The error's number, or 0."""
        body = {"program": self._program, "pid": os.getpid(), "dropped": self.dropped, **words}
        try:
            self._socket.sendto(json.dumps(body, separators=(",", ":")).encode(), self._address)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def close(self) -> None:
        """Release the socket."""
        with self._lock:
            if self._retry:
                self._retry.cancel()
            self._waiting.clear()
            self._socket.close()


class Collector:
    """The panel's side: a bound socket that yields (sender's uid, snapshot)."""

    def __init__(self, runtime_dir: Path) -> None:
        self._path = path = panel_socket(runtime_dir)
        clear_name(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))
        path.chmod(0o660)

    def receive(self) -> tuple[int, dict[str, Any]] | None:
        """Wait for one datagram. None when it is no snapshot."""
        space = socket.CMSG_SPACE(_UCRED.size)
        data, ancillary, _, _ = self.socket.recvmsg(MAX_DATAGRAM, space)
        pid, uid = 0, -1
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(payload) >= _UCRED.size:
                pid, uid, _ = _UCRED.unpack(payload[: _UCRED.size])
        try:
            snapshot = json.loads(data)
        except ValueError:
            return None
        if not isinstance(snapshot, dict) or not isinstance(snapshot.get("program"), str):
            return None
        return uid, {**snapshot, "pid": pid}

    def close(self) -> None:
        """Release the socket and its name."""
        release(self.socket, self._path)
