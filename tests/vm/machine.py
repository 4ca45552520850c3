"""A guest in QEMU, emulated (TCG): started, frozen and ended by its own process id.

Owns the process, its console and its QMP socket. A guest reaches nothing but the loopback ports that it is given.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# Software emulation always: a /dev/kvm that opens is no proof that a guest runs on it.
_COMMON = ["-accel", "tcg,thread=multi", "-nographic", "-no-reboot", "-serial", "stdio", "-monitor", "none"]


def missing(architecture: str) -> str | None:
    """Why no guest can run here, or None."""
    program = f"qemu-system-{architecture}"
    package = "qemu-system-x86" if architecture == "x86_64" else "qemu-system-arm"
    return None if shutil.which(program) else f"{program} (Debian package {package}) is not on this machine"


class Machine:
    """A running guest."""

    def __init__(self, architecture: str, arguments: Sequence[str | Path], work: Path) -> None:
        self.console = work / "console.log"
        self._socket = work / "qmp"
        self._socket.unlink(missing_ok=True)
        qmp = ["-qmp", f"unix:{self._socket},server=on,wait=off"]
        with self.console.open("wb") as log:
            self._process = subprocess.Popen(
                [f"qemu-system-{architecture}", *_COMMON, *qmp, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._channel: socket.socket | None = None

    def said(self) -> str:
        """What is on its console."""
        return self.console.read_text(errors="replace")

    def wait_for(self, word: str, seconds: float) -> float:
        """Until the console has this; the seconds that it took."""
        began = time.monotonic()
        while word not in self.said():
            if self._process.poll() is not None:
                raise RuntimeError(f"the guest ended:\n{self.said()[-3000:]}")
            if time.monotonic() - began > seconds:
                raise RuntimeError(f"no {word!r} on the console after {seconds:.0f} s:\n{self.said()[-3000:]}")
            time.sleep(0.1)
        return time.monotonic() - began

    def wait_for_port(self, port: int, seconds: float) -> float:
        """Until a service of the guest says something or keeps a connection; the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
                # The emulated network accepts before the guest does, and hangs up when the guest refuses.
                probe.settimeout(1)
                try:
                    if probe.recv(1):
                        return time.monotonic() - began
                except TimeoutError:
                    return time.monotonic() - began
            time.sleep(0.2)
        raise RuntimeError(f"nothing on port {port} after {seconds:.0f} s:\n{self.said()[-3000:]}")

    def command(self, name: str) -> None:
        """One QMP command; returns when it is done."""
        if self._channel is None:
            self._channel = socket.socket(socket.AF_UNIX)
            self._channel.settimeout(30)
            self._channel.connect(str(self._socket))
            self._replies = self._channel.makefile("rb")
            self._replies.readline()
            self.command("qmp_capabilities")
        self._channel.sendall(json.dumps({"execute": name}).encode())
        while True:
            reply = json.loads(self._replies.readline())
            if "error" in reply:
                raise RuntimeError(f"QEMU refused {name}: {reply['error']}")
            if "return" in reply:
                return

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """No instruction runs meanwhile, and every write of the guest is in its disk's file, and flushed."""
        self.command("stop")
        yield
        self.command("cont")

    def kill(self) -> None:
        """The plug is pulled."""
        if self._channel:
            self._channel.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(30)
