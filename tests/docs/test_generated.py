"""Pages and tables that are made from the code say what it does today."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.units.machine import REPOSITORY


@pytest.mark.parametrize("script", ["conformance", "events", "findings", "metrics", "rules"])
def test_it_is_made_from_the_code(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"docs/{script}.py", "--check"],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
