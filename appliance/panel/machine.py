"""Looks at the board: supply, heat, wear of the medium, errors of file systems, pressure on memory and disks.

Reads small files of the kernel, which are there or not; what is not there is not known, and no trouble.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from appliance.panel.health.facts import Machine

_DEPTH = 4  # devices below devices: a partition, LUKS, LVM, a RAID
_PLAUSIBLE = (40.0, 150.0)  # °C, of what a zone says that it is hot at
_LIFE = (1, 11)  # life_time of eMMC: each step is a tenth, the last is "exceeded" (JEDEC JESD84-B50)


def look_at_machine(state: Path, root: Path = Path("/")) -> Machine:
    """All of it. `state` is the directory whose medium counts, `root` where /sys and /proc are."""
    hottest, hot, critical = _heat(root / "sys/class/thermal")
    used, spent = _wear(root, state)
    return Machine(
        temperature=hottest,
        hot_at=hot,
        critical_at=critical,
        undervoltage=_undervoltage(root / "sys/class/hwmon"),
        life_used=used,
        nearly_spent=spent,
        file_system_errors=dict(_file_system_errors(root / "sys/fs/ext4")),
        memory_pressure=_pressure(root, "memory", "some"),
        disk_pressure=_pressure(root, "io", "full"),
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(4096).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(_text(path), 0)
    except ValueError:
        return None


def _heat(zones: Path) -> tuple[float | None, float | None, float | None]:
    """The zone that is nearest to what it is critical at: its temperature, and at what it is hot and critical."""
    found = []
    for zone in _entries(zones, "thermal_zone"):
        now = _number(zone / "temp")
        if now is None:
            continue
        trips: dict[str, float] = {}
        for each in _entries(zone, "trip_point_"):
            kind, _, what = each.name.rpartition("_")
            degrees = _number(each.with_name(f"{kind}_temp")) if what == "type" else None
            if degrees is not None and _PLAUSIBLE[0] < degrees / 1000 < _PLAUSIBLE[1]:
                name = "critical" if _text(each) == "critical" else "hot"
                trips[name] = min(degrees / 1000, trips.get(name, _PLAUSIBLE[1]))
        found.append((now / 1000, trips.get("hot"), trips.get("critical")))
    return min(found, key=lambda each: (each[2] or _PLAUSIBLE[1]) - each[0], default=(None, None, None))


def _undervoltage(monitors: Path) -> bool | None:
    """What a Raspberry Pi's firmware says of its supply."""
    for monitor in _entries(monitors, "hwmon"):
        if _text(monitor / "name") == "rpi_volt":
            alarm = _number(monitor / "in0_lcrit_alarm")
            return None if alarm is None else bool(alarm)
    return None


def _wear(root: Path, state: Path) -> tuple[float | None, bool]:
    """How much of its life the medium below a directory has used, and whether its spare blocks are nearly spent. Of
    eMMC alone: neither cards nor disks tell it here."""
    try:
        device = state.stat().st_dev
    except OSError:
        return None, False
    worst: float | None = None
    spent = False
    for disk in _disks(root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}", _DEPTH):
        steps = [int(word, 0) for word in _text(disk / "device/life_time").split() if word.startswith("0x")]
        used = [min(each, _LIFE[1]) for each in steps if each >= _LIFE[0]]
        if used:
            worst = max(max(used) / 10, worst or 0.0)
        spent |= (_number(disk / "device/pre_eol_info") or 0) >= 2
    return worst, spent


def _disks(block: Path, depth: int) -> Iterator[Path]:
    """The whole devices that one lies on, itself included."""
    try:
        place = block.resolve(strict=True)
    except OSError:
        return
    yield place
    if (place / "partition").exists():
        yield place.parent
    if depth:
        for below in _entries(place / "slaves", ""):
            yield from _disks(below, depth - 1)


def _file_system_errors(file_systems: Path) -> Iterator[tuple[str, int]]:
    """How many errors ext4 noted in each that is mounted, since e2fsck last cleared them."""
    for each in _entries(file_systems, ""):
        errors = _number(each / "errors_count")
        if errors is not None:
            yield each.name, errors


def _pressure(root: Path, what: str, who: str) -> float | None:
    """The share of five minutes in which `who` ("some" or "full": everybody with something to do) waited for it. Units
    hide /proc/pressure, and not the other."""
    for name in (f"sys/fs/cgroup/{what}.pressure", f"proc/pressure/{what}"):
        for line in _text(root / name).splitlines():
            words = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if line.startswith(who) and "avg300" in words:
                try:
                    return float(words["avg300"]) / 100
                except ValueError:
                    return None
    return None


def _entries(directory: Path, prefix: str) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.name.startswith(prefix))
    except OSError:
        return []
