"""A small root directory with the units installed as a package would, for systemd's tools to look at with --root=."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.units.machine import PLACES, UNITS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root directory, with stand-ins for the programs that the units start."""
    for pattern, place in PLACES.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        for file in UNITS.glob(pattern):
            shutil.copy(file, tmp_path / place)
    for program in ("usr/bin/appliance", "usr/bin/systemd-tmpfiles", "bin/sh"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    return tmp_path
