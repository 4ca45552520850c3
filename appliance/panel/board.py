"""The board: the last word of each program, and whether it fell silent. Pure; times are seconds since the epoch."""

from __future__ import annotations

from collections import deque
from typing import Any

SILENT_AFTER = 25.0  # seconds; each program reports every 10 s at the least
KEPT_ALERTS = 50


class Board:
    """Snapshots by program."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._last: dict[str, tuple[float, dict[str, Any]]] = {}
        self._alerts: deque[dict[str, Any]] = deque(maxlen=KEPT_ALERTS)
        self._alert_count = 0

    def post(self, snapshot: dict[str, Any], now: float) -> None:
        """Take in a program's snapshot, or an alert that it raised (then the rest of its state stands)."""
        alert = snapshot.get("alert")
        if isinstance(alert, dict):
            self._alerts.append({"program": snapshot["program"], **alert})
            self._alert_count += 1
            return
        self._last[snapshot["program"]] = (now, snapshot)

    def status(self, expected: tuple[str, ...], now: float) -> dict[str, Any]:
        """All of it as JSON values: of each program its `state` (starting, ok, silent, stopped, never) and words."""
        programs: dict[str, Any] = {}
        for name in (*expected, *(other for other in self._last if other not in expected)):
            seen, snapshot = self._last.get(name, (0.0, {}))
            programs[name] = {"state": self._state(seen, snapshot, now), "seen": seen or None, **snapshot}
        return {
            "time": now,
            "programs": programs,
            "alerts": {"count": self._alert_count, "latest": list(self._alerts)},
        }

    def _state(self, seen: float, snapshot: dict[str, Any], now: float) -> str:
        if not seen:
            return "never" if now - self._started > SILENT_AFTER else "starting"
        if snapshot.get("stopped"):
            return "stopped"
        return "silent" if now - seen > SILENT_AFTER else "ok"
