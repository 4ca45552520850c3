"""Time that runs faster: whoever sleeps, or waits for something, wakes when its time has passed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.delivery_lab import warp
from tests.delivery_lab.kill_faults import _LARGE, _SMALL, _is_half

WAITS = """
import sys, threading, time
wall, steady = time.time(), time.monotonic()
print("waits", flush=True)
threading.Event().wait(600)
time.sleep(300)
print(time.monotonic() - steady, time.time() - wall)
"""


@pytest.mark.skipif(bool(warp.MISSING), reason=str(warp.MISSING))
def test_a_quarter_of_an_hour_passes_in_seconds(tmp_path: Path) -> None:
    with warp.warped(tmp_path) as clock:
        process = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "waits\n"
        began = time.monotonic()
        clock.pass_(1000, within=2)
        steady, wall = map(float, process.communicate(timeout=60)[0].split())
    assert 900 <= steady <= 900 + 500 * (time.monotonic() - began)
    assert abs(steady - wall) < 60
    assert clock.passed() or time.monotonic() - began < 2


def test_what_is_half_an_instance() -> None:
    assert [_is_half(sent) for sent in (0, 300, _SMALL // 2, _SMALL + 500, _LARGE // 2, _LARGE + 500)] == [
        False, False, True, False, True, False,
    ]  # fmt: skip
