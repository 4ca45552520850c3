"""The programs, by name, and how each is started."""

from __future__ import annotations

import sys
from pathlib import Path

# In the order in which the supervisor starts them: who listens before who talks.
PROGRAMS = ("panel", "forward", "receive", "sensor")


def command(program: str, config: Path) -> list[str]:
    """The command line of a program."""
    return [sys.executable, "-m", "appliance", "program", program, "--config", str(config)]
