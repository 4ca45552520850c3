"""Services that set-up unpacks below build/services and never installs: an installed one is taken first.

Owns where they are found, and what their libraries need. Starts nothing.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[1] / "build/services"


@dataclass(frozen=True, slots=True)
class Service:
    """How to start it: the program, and variables that its environment needs beside ours."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)


def installed(name: str) -> str | None:
    """The path of the program that the machine has. A plain user's PATH on Debian lacks /usr/sbin."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def unpacked(name: str, root: Path = UNPACKED) -> Service | None:
    """The program that set-up unpacked."""
    for place in ("usr/bin", "usr/sbin"):
        if program := shutil.which(str(root / place / name)):
            return Service(program, {"LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries(root)))})
    return None


def libraries(root: Path = UNPACKED) -> list[Path]:
    """Where the libraries lie that came with them."""
    return [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]


def service(name: str, package: str) -> Service:
    """The installed one, else the unpacked one; the test is skipped, and says so, where there is neither."""
    if program := installed(name):
        return Service(program)
    found = unpacked(name)
    if found is None:
        pytest.skip(f"{name} (Debian package {package}) is not on this machine: `make setup` unpacks it")
    return found
