"""What a network card lost before the kernel saw it: its own counters, as sysfs shows them (Documentation/networking/
statistics.rst of Linux). A capture cannot know of these; its ring was never asked.
"""

from __future__ import annotations

from pathlib import Path

_SYSFS = Path("/sys/class/net")


class Card:
    """The card of an interface. Where it counts nothing, or is not there, it lost nothing."""

    def __init__(self, interface: str, sysfs: Path = _SYSFS) -> None:
        self._directory = sysfs / interface / "statistics"
        self._before = self._counted()

    def lost(self) -> int:
        """Frames that it missed or found damaged since the last call. One that was made anew begins at 0."""
        before, self._before = self._before, self._counted()
        return max(0, self._before - before)

    def _counted(self) -> int:
        # Drivers differ in whether what overran their queue is an error as well.
        overrun = self._read("rx_fifo_errors") + self._read("rx_over_errors")
        return self._read("rx_missed_errors") + max(self._read("rx_errors"), overrun)

    def _read(self, name: str) -> int:
        try:
            return int((self._directory / name).read_bytes())
        except (OSError, ValueError):
            return 0
