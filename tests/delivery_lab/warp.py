"""Time that runs faster for the programs of a lab than for the lab, and a clock on the wall that is stepped: clock.c.

Half an hour passes for them in some seconds. What they wait for meanwhile comes as soon as it would have come.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")
MISSING = None if shutil.which("gcc") else "gcc is not installed"


class Warp:
    """The time of all programs that are started within the block of `warped`."""

    def __init__(self, root: Path, peers: bool) -> None:
        self._step, self._windows = root / "step", root / "warp"
        self._lines = ""
        self._ends = 0.0
        self.environment = {"LD_PRELOAD": str(root / "clock.so"), "CLOCK_STEP": str(self._step)}
        self.environment["CLOCK_WARP"] = str(self._windows)
        if peers:
            self.environment["CLOCK_WARP_POLL"] = "1"
        command = ["gcc", "-shared", "-fPIC", "-O1", "-o", self.environment["LD_PRELOAD"], str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    def step(self, seconds: int) -> None:
        """The clock on the wall is so far ahead from now on."""
        _write(self._step, str(seconds))

    def pass_(self, seconds: float, within: float) -> None:
        """So much time passes for the programs, beginning now and `within` so many seconds of ours."""
        now = time.monotonic_ns()
        self._ends = time.monotonic() + within
        self._lines += f"{now} {now + int(within * 1e9)} {round(seconds / within)}\n"
        _write(self._windows, self._lines)

    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() > self._ends


@contextlib.contextmanager
def warped(root: Path, *, peers: bool = False) -> Iterator[Warp]:
    """What is started within has its own time; with `peers` it waits as long for an answer, too, which no peer gives
    faster than it can."""
    warp = Warp(root, peers)
    before = {name: os.environ.get(name) for name in warp.environment}
    os.environ.update(warp.environment)
    try:
        yield warp
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)
