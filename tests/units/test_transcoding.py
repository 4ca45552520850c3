"""The transcoder's process under what forward's unit allows: its system calls, and memory that is never both writable
and executable."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.instances import EXPLICIT, RLE, content
from tests.delivery.test_reencoding import written
from tests.units.machine import REPOSITORY, UNITS, run, tool

# Ends with status 3 where the kernel (before Linux 6.3) does not know it; it outlives exec.
_WITHOUT_EXECUTABLE_MEMORY = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) and os._exit(3); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_CALL = re.compile(r"^\d+\s+(\w+)\(", re.MULTILINE)


def transcode(*before: str) -> tuple[int | None, bytes]:
    """One instance by a process that `before` starts: the status that it told, None where it ended before, and what
    it gave."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [*before, sys.executable, "-P", "-m", "appliance.delivery.transcoder", str(theirs.fileno())]
    with ours, subprocess.Popen(command, env={"PYTHONPATH": str(REPOSITORY)}, pass_fds=(theirs.fileno(),)) as process:
        theirs.close()
        instance = os.memfd_create("instance")
        os.write(instance, content("MR_small_RLE.dcm")[1])
        taken, given = os.pipe()
        ours.settimeout(60)
        try:
            socket.send_fds(ours, [f"{RLE} {EXPLICIT} {1 << 28} 60".encode()], [instance, given])
        except BrokenPipeError:
            pass
        os.close(given)
        os.close(instance)
        with open(taken, "rb") as pipe:
            out = pipe.read()
        try:
            answer = ours.recv(64)
        except ConnectionResetError:
            answer = b""
        ours.close()
        process.wait(60)
    return int(answer) if answer else None, out


def test_its_system_calls_are_those_that_the_unit_allows(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not here")
    log = tmp_path / "calls"
    status, out = transcode(strace, "-f", "-qq", "-o", str(log))
    if status is None:
        pytest.skip("this process may not trace another")
    assert (status, out) == (0, written(content("MR_small_RLE.dcm")[1], RLE, EXPLICIT))
    called = set(_CALL.findall(log.read_text()))
    assert {"recvmsg", "mmap", "prlimit64", "wait4", "exit_group"} <= called
    assert called - allowed() - {"execve"} == set()


def allowed() -> set[str]:
    """The system calls of forward's unit, as systemd's groups have them here."""
    groups: dict[str, set[str]] = {}
    name = ""
    for line in run(tool("systemd-analyze"), "syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            groups[name] = set()
        elif line.startswith("    ") and name and not line.strip().startswith("#"):
            groups[name].add(line.strip())

    def calls(group: str) -> set[str]:
        found: set[str] = set()
        for each in groups[group]:
            found |= calls(each) if each.startswith("@") else {each}
        return found

    result = calls("@default")
    for line in re.findall(r"^SystemCallFilter=(.+)$", (UNITS / "appliance-forward.service").read_text(), re.MULTILINE):
        for group in line.removeprefix("~").split():
            found = calls(group) if group.startswith("@") else {group}
            result = result - found if line.startswith("~") else result | found
    return result


def test_it_needs_no_memory_that_is_both_writable_and_executable() -> None:
    status, out = transcode(sys.executable, "-c", _WITHOUT_EXECUTABLE_MEMORY)
    if status is None:
        pytest.skip("this kernel cannot forbid it")
    assert (status, out) == (0, written(content("MR_small_RLE.dcm")[1], RLE, EXPLICIT))


def test_one_that_is_ended_for_want_of_memory_does_not_end_forward() -> None:
    assert "\nOOMPolicy=continue\n" in (UNITS / "appliance-forward.service").read_text()
