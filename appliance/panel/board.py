"""The board: the last word of each program, and whether it fell silent. Pure; times are seconds since the epoch."""

from __future__ import annotations

from typing import Any

SILENT_AFTER = 25.0  # seconds; each program reports every 10 s at the least


class Board:
    """Snapshots by program."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._last: dict[str, tuple[float, dict[str, Any]]] = {}

    def post(self, snapshot: dict[str, Any], now: float) -> None:
        """Take in a program's snapshot."""
        self._last[snapshot["program"]] = (now, snapshot)

    def status(self, expected: tuple[str, ...], now: float) -> dict[str, Any]:
        """All of it as JSON values: for each program its `state` (starting, ok, silent, stopped, never), and what it said."""
        programs: dict[str, Any] = {}
        for name in (*expected, *(other for other in self._last if other not in expected)):
            seen, snapshot = self._last.get(name, (0.0, {}))
            programs[name] = {"state": self._state(seen, snapshot, now), "seen": seen or None, **snapshot}
        return {"time": now, "programs": programs}

    def _state(self, seen: float, snapshot: dict[str, Any], now: float) -> str:
        if not seen:
            return "never" if now - self._started > SILENT_AFTER else "starting"
        if snapshot.get("stopped"):
            return "stopped"
        return "silent" if now - seen > SILENT_AFTER else "ok"
