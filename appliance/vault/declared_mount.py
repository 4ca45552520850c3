"""Whether the file system that the machine declares for the state directory is mounted there.

Declared is what /etc/fstab or a mount unit of the administrator's names. Where it is not mounted, what lies there is
the directory below: a vault that began there would have this box's keys, answer 0x0000, and be hidden with all that it
took as soon as the disk is back. Reads files of the machine, and changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from appliance.vault.refusals import Condition, DiskRefused

FSTAB = Path("/etc/fstab")
UNITS = (Path("/etc/systemd/system"), Path("/run/systemd/system"))
_OCTAL = re.compile(r"\\([0-7]{3})")
_LARGEST = 1 << 20  # bytes of a file that is read here


class DeclaredMount:
    """The innermost declared mount point at or above a state directory, if there is one."""

    def __init__(self, state: Path, fstab: Path = FSTAB, units: tuple[Path, ...] = UNITS) -> None:
        state = Path(os.path.realpath(state))
        above = {place: source for place, source in _declared(fstab, units) if state.is_relative_to(place)}
        self._point = max(above, key=lambda place: len(place.parts), default=None)
        self._source = above.get(self._point) if self._point else None

    def objection(self) -> DiskRefused | None:
        """Why nothing may begin at the state directory, or None. Two stats."""
        if self._point is None:
            return None
        try:
            mounted = self._point.stat().st_dev != self._point.parent.stat().st_dev
        except OSError:
            mounted = False
        if mounted:
            return None
        return DiskRefused(f"{self._point} is not mounted, though {self._source} names it", Condition.MISSING)


def check_mounted(mount: DeclaredMount | None) -> None:
    """Raise `DiskRefused` where the file system that should be below is not: nothing may begin there."""
    if mount and (missing := mount.objection()):
        raise missing


def _declared(fstab: Path, units: tuple[Path, ...]) -> Iterator[tuple[Path, Path]]:
    """Mount points, and the file that names each. What is bound from elsewhere is no file system of its own."""
    for line in _lines(fstab):
        fields = line.split()
        if len(fields) >= 3 and not fields[0].startswith("#"):
            options = fields[3] if len(fields) > 3 else ""
            yield from _point(_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[1]), fields[2], options, fstab)
    for directory in units:
        for unit in sorted(directory.glob("*.mount")):
            said = dict(line.split("=", 1) for line in _lines(unit) if "=" in line)
            yield from _point(said.get("Where", ""), said.get("Type", ""), said.get("Options", ""), unit)


def _point(place: str, kind: str, options: str, source: Path) -> Iterator[tuple[Path, Path]]:
    path = Path(place)
    if path.is_absolute() and path != path.parent and kind != "swap" and not {"bind", "rbind"} & {*options.split(",")}:
        yield Path(os.path.realpath(path)), source


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return [line.strip() for line in file.read(_LARGEST).decode(errors="replace").splitlines()]
    except OSError:
        return []
