"""The programs, by name, and how each is started."""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.config.model import Config

# In the order in which the supervisor starts them: who listens before who talks. The panel ends first, too.
PROGRAMS = ("panel", "forward", "receive", "respond", "sensor")


def wanted(config: Config) -> tuple[str, ...]:
    """The programs that a configuration has something to do for, in the order of their start."""
    sensor = config.sensor
    absent = {"respond"} if sensor and sensor.respond == "off" else set() if sensor else {"sensor", "respond"}
    return tuple(name for name in PROGRAMS if name not in absent)


def command(program: str, config: Path) -> list[str]:
    """The command line of a program."""
    return [sys.executable, "-m", "appliance", "program", program, "--config", str(config)]
