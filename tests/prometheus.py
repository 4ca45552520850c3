"""promtool, which knows Prometheus's formats: the installed one, else the one that set-up unpacked below build/."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[1] / "build/prometheus/usr/bin/promtool"


def promtool() -> str:
    """Its path; the test is skipped, and says so, where it is missing."""
    found = shutil.which("promtool") or (str(UNPACKED) if UNPACKED.exists() else None)
    if found is None:
        pytest.skip("promtool (Debian package prometheus) is not on this machine")
    return found
