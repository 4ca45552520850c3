"""The appliance under the demo: `appliance run` in a process of its own, watched and, for a while, killed at random."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from appliance.base.errors import LocalError
from appliance.cli.demo.site import Site
from appliance.panel.desk import ask

_START = 30.0


class Box:
    """`appliance run` with the site's configuration; its log goes to the site's log file."""

    def __init__(self, site: Site, through: Sequence[str] = ()) -> None:
        """`through`: a command that runs the one behind it in the same process, such as nsenter."""
        self._site = site
        self._through = through
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it and wait until every program is ready. Returns the seconds that took."""
        began = time.monotonic()
        notify_path = self._site.root / "ready.sock"
        notify_path.unlink(missing_ok=True)  # of the start before
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, self._site.log.open("ab") as log:
            notify.bind(str(notify_path))
            notify.settimeout(_START)
            self._process = subprocess.Popen(
                [*self._through, sys.executable, "-m", "appliance", "run", "--config", str(self._site.config)],
                env={**os.environ, "NOTIFY_SOCKET": str(notify_path), "APPLIANCE_LOG_LEVEL": "DEBUG"},
                stdout=log,
                stderr=log,
            )
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except TimeoutError:
                raise LocalError(
                    f"the appliance was not ready after {_START:.0f} s", fix=f"Its log is {self._site.log}."
                ) from None
        return time.monotonic() - began

    def stop(self) -> int:
        """Stop it as systemd would. Returns its exit status."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def status(self) -> dict[str, Any]:
        """What `appliance status --json` shows."""
        return ask(self._site.runtime)

    def said(self, program: str) -> dict[str, Any]:
        """The last word of one program; empty where it said nothing yet."""
        try:
            found: dict[str, Any] = self.status()["programs"].get(program, {})
        except LocalError:
            return {}
        return found

    def wait(self, condition: Callable[[], bool], seconds: float, step: float = 0.2) -> bool:
        """Wait until a condition holds; False when it did not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(step)
        return True

    def pids(self, program: str) -> list[int]:
        """The processes of a program: its own, and the children of that one."""
        assert self._process is not None
        mine = [pid for pid in children(self._process.pid) if f"\0program\0{program}\0" in _command_line(pid)]
        return [*mine, *(child for pid in mine for child in children(pid))]

    def kill_something(self, dice: random.Random) -> str:
        """kill -9 a part of the appliance, chosen by `dice`; says which."""
        receive: list[int] = []
        forward: list[int] = []

        def alive() -> bool:
            receive[:], forward[:] = self.pids("receive"), self.pids("forward")
            return len(receive) > 1 and bool(forward)

        if not self.wait(alive, _START):
            raise LocalError("the appliance did not come back after a kill", fix=f"Its log is {self._site.log}.")
        name, pids = dice.choice(
            (
                ("all of receive", receive),
                ("receive's acceptor", receive[:1]),
                ("a worker of receive", [dice.choice(receive[1:])]),
                ("forward", forward),
            )
        )
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return name


def children(pid: int) -> list[int]:
    """The child processes of `pid`, by /proc."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            pass
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text() + "\0"
    except OSError:
        return ""


def memory_of(pid: int) -> list[tuple[int, int]]:
    """The writable mappings of a process, as (start, end)."""
    maps = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        if "w" in rights and "r" in rights and "[v" not in line:
            start, _, end = span.partition("-")
            maps.append((int(start, 16), int(end, 16)))
    return maps


def holds(pid: int, secrets: list[bytes]) -> bool:
    """Whether a process has one of `secrets` anywhere in its writable memory. Raises OSError where we may not look."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in memory_of(pid):
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except OSError:
                continue
            if any(secret in content for secret in secrets):
                return True
    return False
