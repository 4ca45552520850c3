"""How `forward` and the associations of `receive` meet for the reports of storage commitment.

One SOCK_SEQPACKET connection for each association that awaits a report, opened by the association: it wakes the two
sides, and its end tells each that the other is gone. Messages are small JSON; what a report says passes as a
descriptor, sealed as the request lay in `incoming/`, so no UID is ever in a message. Who may connect is decided by the
directory that the socket lies in: in `forward`'s user namespace the kernel calls every other program "nobody", so that
credentials would prove nothing.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appliance.base import limits
from appliance.base.errors import LocalError

_SIZE = 4096  # bytes of a message; the longest name of a peer fits many times
_BACKLOG = 128
_ID = re.compile(r"[0-9a-f]{32}")
_STATUSES = range(0x10000)


@dataclass(frozen=True, slots=True)
class Here:
    """From an association, first of all: who opened it, and under which AE title of ours."""

    peer: str
    calling_ae: str
    called_ae: str


@dataclass(frozen=True, slots=True)
class Asked:
    """From an association: it made this request. Said before the request is there to be found."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Begun:
    """From an association: it sends the report to its peer now."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """From an association: the status of the N-EVENT-REPORT-RSP; None where the report could not be sent."""

    request_id: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """To an association, with a descriptor of `pack`: report this. `sealed` is the length of the sealed request."""

    request_id: str
    sealed: int


Message = Here | Asked | Begun | Answered | Report
_KINDS: dict[str, type[Message]] = {kind.__name__: kind for kind in (Here, Asked, Begun, Answered, Report)}


def socket_path(runtime_dir: Path) -> Path:
    """Where `forward` waits for associations: a directory of its own, open to `forward` and `receive` alone."""
    return runtime_dir / "reports" / "forward"


def listen(runtime_dir: Path) -> socket.socket:
    """`forward`'s end; it never blocks. Raises LocalError."""
    path = socket_path(runtime_dir)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    previous = os.umask(0o077)
    try:
        path.parent.mkdir(exist_ok=True)  # for one user alone; where there are two, tmpfiles.d has made it
        os.umask(0o117)
        path.unlink(missing_ok=True)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise LocalError(
            f"cannot listen on {path}: {error.strerror}", fix="Check runtime_dir; run systemd-tmpfiles --create."
        ) from None
    finally:
        os.umask(previous)
    listener.listen(_BACKLOG)
    return listener


def connect(runtime_dir: Path) -> socket.socket:
    """An association's end; it never blocks. Raises OSError where `forward` is not there, or busy."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        connection.connect(str(socket_path(runtime_dir)))
    except OSError:
        connection.close()
        raise
    return connection


def send(to: socket.socket, message: Message, descriptor: int | None = None) -> None:
    """Send one message, whole or not at all. Raises OSError, BlockingIOError where the other side does not read."""
    text = json.dumps({"is": type(message).__name__, **asdict(message)}).encode()
    socket.send_fds(to, [text], [] if descriptor is None else [descriptor])


def receive(source: socket.socket) -> tuple[Message, int | None] | None:
    """The next message and its descriptor, None at the end. Raises BlockingIOError where there is none yet, other
    OSErrors when the connection broke, ValueError for what is no message."""
    try:
        text, descriptors, _, _ = socket.recv_fds(source, _SIZE, 1)
    except ConnectionResetError:  # it left something unread; the kernel says so before it gives us what it said
        text, descriptors, _, _ = socket.recv_fds(source, _SIZE, 1)
    try:
        message = _decode(text) if text else None
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return (message, descriptors[0] if descriptors else None) if message else None


def _decode(text: bytes) -> Message:
    values: Any = json.loads(text)
    try:
        message = _KINDS[values.pop("is")](**values)
    except (KeyError, TypeError, AttributeError):
        raise ValueError("no message of this channel") from None
    if isinstance(message, Here):
        fits = all(isinstance(text, str) for text in (message.peer, message.calling_ae, message.called_ae))
    else:
        fits = isinstance(message.request_id, str) and bool(_ID.fullmatch(message.request_id))
    if isinstance(message, Answered):
        fits = fits and (message.status is None or message.status in _STATUSES)
    elif isinstance(message, Report):
        fits = fits and isinstance(message.sealed, int) and message.sealed >= 0
    if not fits:
        raise ValueError("a message of this channel with a value that cannot be")
    return message


def pack(sealed: bytes, reasons: Sequence[int]) -> int:
    """A descriptor of memory that holds a report: the sealed request, then a Failure Reason for each instance in its
    order, 0 for one that is committed. The caller closes it."""
    descriptor = os.memfd_create("report", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(sealed)
        file.write(struct.pack(f">{len(reasons)}H", *reasons))
    return descriptor


def unpack(descriptor: int, sealed: int) -> tuple[bytes, tuple[int, ...]]:
    """What `pack` put there. Raises ValueError where it is something else."""
    most = limits.COMMITMENT_REQUEST.ceiling + 2 * limits.COMMITMENT_INSTANCES.ceiling
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0) if size <= most else b""
    if not sealed <= size == len(content) or (size - sealed) % 2:
        raise ValueError("a report that does not have the length it should have")
    reasons = content[sealed:]
    return content[:sealed], struct.unpack(f">{len(reasons) // 2}H", reasons)
