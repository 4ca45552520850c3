"""How the acceptor and a worker talk: small JSON messages over a SOCK_SEQPACKET pair, descriptors by SCM_RIGHTS.

Acceptor to worker: a connection (with its descriptor), that one is displaced, that the medium is doubted, or, by the
channel's end, that it is to end. Worker to acceptor: what became of a connection. The number of a connection is the
acceptor's; a worker only repeats it.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import termios
from dataclasses import asdict, dataclass
from typing import Literal

_SIZE = 512


@dataclass(frozen=True, slots=True)
class Connected:
    """A connection for the worker: whether its listener speaks TLS, and where it comes from."""

    number: int
    address: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Displaced:
    """A connection that has to go, unless it has associated: another needs its place."""

    number: int


@dataclass(frozen=True, slots=True)
class Doubted:
    """The medium may have failed or gone: what the worker has open there may have to be let go of."""


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a connection."""

    number: int
    what: Literal["associated", "closed"]


def pair() -> tuple[socket.socket, socket.socket]:
    """The acceptor's end (never blocks) and the worker's end."""
    acceptor, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    acceptor.setblocking(False)
    return acceptor, worker


def pass_connection(to: socket.socket, connected: Connected, connection: socket.socket) -> None:
    """Hand a connection over. Raises BlockingIOError when the worker's queue is full, OSError when it is gone."""
    socket.send_fds(to, [json.dumps(asdict(connected)).encode()], [connection.fileno()])


def untaken(to: socket.socket) -> bool:
    """Whether something that was handed over still lies there: the worker has not come to it."""
    (length,) = struct.unpack("i", fcntl.ioctl(to, termios.TIOCOUTQ, bytes(4)))  # SIOCOUTQ, unix(7)
    return bool(length)


def displace(to: socket.socket, displaced: Displaced) -> None:
    """Have a connection shut. Where the worker cannot hear it now, the connection's own deadline ends it."""
    try:
        to.send(json.dumps(asdict(displaced)).encode())
    except OSError:
        pass


def doubt(to: socket.socket) -> None:
    """Tell a worker. One that cannot hear it now is told again, or hears it from the medium itself."""
    try:
        to.send(json.dumps(asdict(Doubted())).encode())
    except OSError:
        pass


def next_connection(source: socket.socket) -> tuple[Connected, socket.socket] | Displaced | Doubted | None:
    """Wait for the next connection, or what else we are told; None when we are dismissed, or the acceptor is gone."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(source, _SIZE, 1)
        if not data:
            return None
        message = json.loads(data)
        if descriptors:
            return Connected(**message), socket.socket(fileno=descriptors[0])
        if message.keys() == {"number"}:
            return Displaced(**message)
        if not message:
            return Doubted()
        # We have as many files open as we may have, so the kernel closed the connection.
        report(source, Became(message["number"], "closed"))


def report(to: socket.socket, became: Became) -> None:
    """Tell the acceptor. When it is gone, nobody counts any more."""
    try:
        to.send(json.dumps(asdict(became)).encode())
    except OSError:
        pass


def next_report(source: socket.socket) -> Became | None:
    """The next report that lies ready; None when the worker ended. Raises BlockingIOError when there is none."""
    data = source.recv(_SIZE)
    return Became(**json.loads(data)) if data else None
