"""`make bench-idle` measures what it says; how fast this machine is today is not judged here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.bench.whole_box import MEMORY, figures


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into the memory of programs that leave no dumps")
def test_each_part_finds_its_figures(tmp_path: Path) -> None:
    if not shutil.which("storescu"):
        pytest.skip("DCMTK is not installed: `make setup` does that")
    start, memory, stopped = figures(tmp_path, runs=1, settle=1.0)
    assert {"receive", "forward", "panel"} <= start.figures.keys()
    assert all(0 < seconds < 30 for seconds in start.figures.values())
    assert 0 < memory.figures["receive"] < memory.figures["all"] < MEMORY
    assert stopped.figures["stopped"] > 0
    assert stopped.figures["stopped"] < 10 * stopped.figures["runs"]  # it waits for nobody
    assert stopped.verdicts[1].met
