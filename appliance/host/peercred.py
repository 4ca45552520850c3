"""Who is at the other end of an AF_UNIX connection, by the kernel's word (unix(7), SO_PEERCRED)."""

from __future__ import annotations

import os
import socket
import struct

_UCRED = struct.Struct("=iII")


def peer_uid(connection: socket.socket) -> int:
    """The user id of the process that connected."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(raw)[1]
    return uid


def trusted(connection: socket.socket) -> bool:
    """Whether the other end runs as root or as our own user."""
    return peer_uid(connection) in (0, os.geteuid())
