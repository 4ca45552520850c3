"""A directory that looks like /sys/class/leds."""

from __future__ import annotations

from pathlib import Path

TRIGGERS = "[none] heartbeat timer default-on pattern netdev panic"


def lamp(directory: Path, name: str, triggers: str = TRIGGERS, brightest: int = 255) -> Path:
    """A lamp as the kernel shows one; but what is written to `trigger` is all that it says afterwards."""
    path = directory / name
    path.mkdir(parents=True)
    content = {"trigger": triggers, "brightness": "0", "max_brightness": str(brightest)}
    content |= dict.fromkeys(("pattern", "repeat", "delay_on", "delay_off"), "")
    for file, text in content.items():
        (path / file).write_text(text + "\n")
    return path


def board(directory: Path, *functions: str) -> dict[str, Path]:
    """Lamps that are called after their functions."""
    return {function: lamp(directory, f"edge:white:{function}") for function in functions}


def read(path: Path, name: str) -> str:
    """What was written last."""
    return (path / name).read_text().strip()


def blank(path: Path) -> None:
    """Forget what was written, and keep the list of triggers."""
    for name in ("brightness", "pattern", "repeat", "delay_on", "delay_off"):
        (path / name).write_text("")
    (path / "trigger").write_text(TRIGGERS + "\n")
