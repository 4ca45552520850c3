"""A process that forbids dumps: its memory is root's alone, and the kernel writes no core of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import ctypes, os, resource, sys
from appliance.host.dumps import forbid_dumps
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
# A change of user forbids dumps by itself: this undoes it, so that the function under test is what does it.
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
if sys.argv[1] == "forbidden":
    forbid_dumps()
os.listdir("/proc/self/fd")  # what the program itself needs goes on working
print(resource.getrlimit(resource.RLIMIT_CORE), os.stat("/proc/self/environ").st_uid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("way", "forbidden"), [("forbidden", True), ("allowed", False)])
def test_its_memory_is_roots_alone(way: str, forbidden: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    ) as process:
        assert process.stdout and process.stdin
        said = process.stdout.readline().split()
        process.stdin.close()
        assert process.wait(10) == 0
    owner = 0 if forbidden else (65534 if os.geteuid() == 0 else os.geteuid())
    assert int(said[-1]) == owner
    assert not forbidden or said[0] == "(0,"
