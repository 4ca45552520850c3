"""How findings say amounts of time and storage."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A duration as people say it: "40 s", "3 min", "2 h", "5 d"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def amount(octets: float) -> str:
    """Bytes as people say them: "512 MiB", "2.5 GiB"."""
    for unit, shift in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if octets >= 1 << shift:
            value = octets / (1 << shift)
            return f"{value:.1f} {unit}" if value < 10 and shift > 20 else f"{value:.0f} {unit}"
    return f"{octets:.0f} B"


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 instance", "3 instances"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
