"""A machine that receives loses its power: what was answered is there. `make power-cut` does it a hundred times."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.units.machine import REPOSITORY, tool
from tests.vm.machine import missing

CUTS = 2


@pytest.mark.slow
def test_every_answered_instance_outlives_a_power_cut() -> None:
    if why := missing("x86_64"):
        pytest.skip(why)
    for name in ("mke2fs", "e2fsck", "debugfs", "dpkg-deb"):
        tool(name)
    # In a process of its own: senders whose peer vanishes leave sockets behind.
    command = [sys.executable, "-m", "tests.vm.power_cut.run", "--cuts", str(CUTS), "--seed", "1"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()[-1]
    print(said)
    counted = re.match(r"(\d+) power cuts .* (\d+) instances answered, (\d+) lost", said)
    assert counted, said
    cuts, answered, lost = map(int, counted.groups())
    assert cuts == 2 * CUTS and answered >= CUTS and lost == 0
