"""Where the files of systemd/ go on a machine, and how the tests here call the programs of the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
UNITS = REPOSITORY / "systemd"
PLACES = {
    "*.target": "usr/lib/systemd/system",
    "*.socket": "usr/lib/systemd/system",
    "*.service": "usr/lib/systemd/system",
    "*.catalog": "usr/lib/systemd/catalog",
    "hand-over": "usr/lib/pacs-appliance",
    "sysusers.d/*.conf": "usr/lib/sysusers.d",
    "tmpfiles.d/*.conf": "usr/lib/tmpfiles.d",
    "system-preset/*.preset": "usr/lib/systemd/system-preset",
}


def tool(name: str) -> str:
    """The path of a program of the machine; the test is skipped, and says so, where it is missing."""
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program, and return what it said and its exit status."""
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
