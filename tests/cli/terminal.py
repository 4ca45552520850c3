"""A command on a terminal of its own, with somebody who types, and everything that the terminal showed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Session:
    """How it ended, and what was seen: on the terminal (which stderr is), and on standard output."""

    status: int
    seen: str
    out: bytes


def on_a_terminal(*arguments: str | Path, typing: Sequence[tuple[str, str]] = (), shows_output: bool = True) -> Session:
    """Run `appliance` with these arguments. `typing`: a prompt to wait for, and what is typed then."""
    command = [sys.executable, "-m", "appliance", *map(str, arguments)]
    return run_on_a_terminal(command, typing=typing, shows_output=shows_output)


def run_on_a_terminal(
    command: Sequence[str],
    *,
    typing: Sequence[tuple[str, str]] = (),
    shows_output: bool = False,
    errors: bool = True,
) -> Session:
    """Any command; `errors`: standard error is the terminal, else it goes nowhere."""
    ours, theirs = pty.openpty()

    def control() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs if shows_output else subprocess.PIPE,
        stderr=theirs if errors else subprocess.DEVNULL,
        preexec_fn=control,
    ) as process:
        os.close(theirs)
        seen, out, todo = b"", b"", list(typing)
        end = time.monotonic() + 60
        answered = 0
        while time.monotonic() < end:
            if todo and todo[0][0].encode() in seen[answered:]:
                answered = len(seen)
                os.write(ours, todo.pop(0)[1].encode() + b"\n")
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                if not (block := os.read(ours, 65536)):
                    break
            except OSError:  # EIO: the other end is closed
                break
            seen += block
        if process.stdout:
            out = process.stdout.read()
        status = process.wait(10)
        os.close(ours)
    assert not todo, f"was not asked for {todo[0][0]!r}: {seen.decode()}"
    return Session(status, seen.decode().replace("\r\n", "\n"), out)
