"""How the sensor asks `respond`: datagrams of one fixed size to an AF_UNIX socket, sent without waiting.

`respond` believes the kernel alone about who sent one (SCM_CREDENTIALS). The directory keeps others out as well.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from pathlib import Path

from appliance.base.errors import LocalError
from appliance.inspection.block_request import SIZE, BlockRequest, encode

_UCRED = struct.Struct("=iII")
_OURS, _SENSORS = "appliance-respond", "appliance-sensor"


def channel_path(runtime_dir: Path) -> Path:
    """Where `respond` listens for the sensor."""
    return runtime_dir / "respond" / "requests"


def sensor_uid() -> int:
    """As whom the sensor runs: its own user where we have ours, else our own (all programs under one supervisor)."""
    try:
        if pwd.getpwnam(_OURS).pw_uid == os.geteuid():
            return pwd.getpwnam(_SENSORS).pw_uid
    except KeyError:
        pass
    return os.geteuid()


class Requests:
    """`respond`'s end."""

    def __init__(self, runtime_dir: Path, sender: int | None = None) -> None:
        path = channel_path(runtime_dir)
        self._sender = sensor_uid() if sender is None else sender
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        previous = os.umask(0o027)
        try:
            path.parent.mkdir(exist_ok=True)  # where there are two users, tmpfiles.d has made it
            os.umask(0o117)
            path.unlink(missing_ok=True)
            self.socket.bind(str(path))
        except OSError as error:
            self.socket.close()
            raise LocalError(
                f"cannot listen on {path}: {error.strerror}", fix="Check runtime_dir; run systemd-tmpfiles --create."
            ) from None
        finally:
            os.umask(previous)

    def receive(self) -> tuple[bytes, int] | None:
        """The next message and, where it is not from the sensor, who sent it (-1 else); None if there is none."""
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(SIZE + 1, socket.CMSG_SPACE(_UCRED.size))
        except BlockingIOError:
            return None
        uids = [
            _UCRED.unpack(payload[: _UCRED.size])[1]
            for level, kind, payload in ancillary
            if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(payload) >= _UCRED.size
        ]
        if len(uids) != 1 or flags & socket.MSG_CTRUNC:
            return data, 65534  # nobody
        return data, -1 if uids[0] == self._sender else uids[0]

    def close(self) -> None:
        """Release the socket."""
        self.socket.close()


class Asker:
    """The sensor's end. `send` never blocks and never raises."""

    def __init__(self, runtime_dir: Path) -> None:
        self._address = str(channel_path(runtime_dir))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.unheard = 0

    def send(self, request: BlockRequest) -> bool:
        """Ask. Says whether `respond` got it."""
        try:
            self._socket.sendto(encode(request), self._address)
        except OSError:
            self.unheard += 1
            return False
        return True

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()
