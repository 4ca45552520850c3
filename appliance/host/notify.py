"""Tells the service manager how we are (sd_notify(3)): ready, status, alive, stopping. Silent where there is none."""

from __future__ import annotations

import os
import socket

try:
    from systemd import daemon
except ImportError:  # systemd-python builds only where libsystemd is
    daemon = None


def _send(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    try:
        if daemon is not None:
            daemon.notify(state)
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
    except OSError:
        pass  # nobody listens: that is their loss


def ready(status: str) -> None:
    """Say that we serve from now on, and one line on what."""
    _send(f"READY=1\nSTATUS={status}")


def status(line: str) -> None:
    """Replace the one line that `systemctl status` shows."""
    _send(f"STATUS={line}")


def extend(seconds: float) -> None:
    """Say that our start goes on, and that the next word comes within so long: it is no start that hangs."""
    _send(f"EXTEND_TIMEOUT_USEC={seconds * 1e6:.0f}")


def beat() -> None:
    """Feed the watchdog. Call it where work makes progress, never from a timer of its own."""
    _send("WATCHDOG=1")


def stopping() -> None:
    """Say that we end on purpose."""
    _send("STOPPING=1")


def watchdog_period() -> float | None:
    """How often to `beat`, in seconds: half of what the service manager allows. None when it does not watch."""
    micros = os.environ.get("WATCHDOG_USEC", "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(micros) / 2e6 if micros.isdigit() and mine else None


def listen_fds() -> list[tuple[str, int]]:
    """Sockets that the service manager opened for us, as (name, descriptor); see systemd.socket(5)."""
    if daemon is None or not daemon.listen_fds(False):
        return []
    return [(name, fd) for fd, name in daemon.listen_fds_with_names(False).items()]
