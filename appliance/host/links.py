"""The network ports of the box, by the kernel's word: whether a cable leads somewhere, and what came in damaged.

Ports that were never connected are nobody's business; one that was and is not any more is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_UP = 0x1  # IFF_UP


class Links:
    """Remembers which ports had a link."""

    def __init__(self, directory: Path = Path("/sys/class/net")) -> None:
        self._directory = directory
        self._had: set[str] = set()

    def snapshot(self) -> dict[str, Any]:
        """For the panel, as JSON values: `links` maps a port that is in use to whether it has a link; `link_errors` is
        how many frames came in damaged on all of them."""
        links: dict[str, bool] = {}
        errors = 0
        try:
            ports = sorted(self._directory.iterdir())
        except OSError:
            ports = []
        for port in ports:
            if not (port / "device").exists() or not (_number(port / "flags", 16) or 0) & _UP:
                continue  # no hardware, or switched off on purpose
            if up := _number(port / "carrier") == 1:
                self._had.add(port.name)
            if port.name in self._had:
                links[port.name] = up
                errors += _number(port / "statistics/rx_errors") or 0
        return {"links": links, "link_errors": errors}


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None
