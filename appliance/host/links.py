"""The network ports of the box, by the kernel's word: whether a cable leads somewhere, and what came in damaged.

A port that was never connected is nobody's business where another is; one that was and is not any more is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_UP = 0x1  # IFF_UP
_PATIENCE = 60.0  # seconds until a box of which no port ever had a link is called cut off


class Links:
    """Remembers which ports had a link."""

    def __init__(self, directory: Path = Path("/sys/class/net"), clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        self._since = clock()
        self._had: set[str] = set()

    def snapshot(self) -> dict[str, Any]:
        """For the panel, as JSON values: `links` maps a port that is in use to whether it has a link; `link_errors` is
        how many frames came in damaged on all of them."""
        try:
            ports = {path.name: path for path in sorted(self._directory.iterdir())}
        except OSError:
            return {"links": {}, "link_errors": 0}
        links = {name: _number(path / "carrier") == 1 for name, path in ports.items() if _in_use(path)}
        self._had |= {name for name, up in links.items() if up}
        self._had -= {name for name, path in ports.items() if name not in links}  # switched off by a person
        missed = bool(self._had) or self._clock() - self._since < _PATIENCE
        told = {name: up for name, up in links.items() if name in self._had or not missed}
        told |= dict.fromkeys(self._had - ports.keys(), False)  # unplugged with its cable
        errors = (_number(ports[name] / "statistics/rx_errors") for name in told if name in ports)
        return {"links": told, "link_errors": sum(each or 0 for each in errors)}


def _in_use(port: Path) -> bool:
    """Whether there is hardware behind a port, and it is switched on."""
    return (port / "device").exists() and bool((_number(port / "flags", 16) or 0) & _UP)


def _number(path: Path, base: int = 10) -> int | None:
    try:
        return int(path.read_text().strip(), base)
    except (OSError, ValueError):
        return None
