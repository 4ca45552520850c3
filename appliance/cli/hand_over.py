"""Gives files that root made to the programs that read them: at once, not only when those start the next time."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from appliance.cli.output import say

DIRECTORY = Path("/etc/appliance")
RULES = Path("/usr/lib/tmpfiles.d/appliance.conf")
"""Who owns what below it; systemd/install puts it there."""


def hand_over(*made: Path) -> None:
    """Where the units are installed and it is their directory; elsewhere whoever made a file keeps it."""
    tool = shutil.which("systemd-tmpfiles")
    if os.geteuid() or not tool or not RULES.exists() or not any(each.is_relative_to(DIRECTORY) for each in made):
        return
    done = subprocess.run([tool, "--create", RULES.name], capture_output=True, check=False, timeout=30)
    if done.returncode:
        say(f"Not every file could be given to its program. Look: systemd-tmpfiles --create {RULES.name}")
