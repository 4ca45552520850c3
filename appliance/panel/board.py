"""The board: the last word of each program, since when it is well or not, what rose. Pure; times are seconds since the
epoch.

Programs talk every ten seconds at the least. One that ends is known at once, where somebody says so (`ended`); one that
hangs when it was silent too long.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SILENT_AFTER = 25.0  # seconds; each program reports every 10 s at the least
MOVING = 3.0  # seconds that an instance is called under way after a counter moved
KEPT_ALERTS = 50
KEPT_RULES = 512  # kinds of alerts that are counted; there are far fewer rules

# Counters whose rise matters to somebody, by program.
WATCHED = {
    "sensor": ("dropped_packets", "blind", "faults", "suppressed_alerts", "evidence_unwritten"),
    "receive": ("not_stored", "dropped"),
    "forward": ("dropped", "link_errors"),
}
_FORGIVEN = 3600.0  # seconds after which a rise is a new one


@dataclass(slots=True)
class _Program:
    snapshot: dict[str, Any] = field(default_factory=dict)
    seen: float = 0.0
    since: float = 0.0  # that it talks without a gap
    ended: float | None = None
    rises: dict[str, dict[str, float]] = field(default_factory=dict)


class Board:
    """Snapshots by program."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._programs: dict[str, _Program] = {}
        self._awaited: dict[str, float] = {}  # since when each is expected
        self._alerts: deque[dict[str, Any]] = deque(maxlen=KEPT_ALERTS)
        self._alert_count = 0
        self._rules: Counter[tuple[str, str, int]] = Counter()
        self._moved = float("-inf")

    def post(self, snapshot: dict[str, Any], now: float) -> None:
        """Take in a program's snapshot, or an alert that it raised (then the rest of its state stands)."""
        alert = snapshot.get("alert")
        if isinstance(alert, dict):
            self._post_alert(snapshot["program"], alert, now)
            return
        program = self._programs.setdefault(snapshot["program"], _Program())
        before = program.snapshot
        anew = not program.seen or program.ended is not None or before.get("pid") != snapshot.get("pid")
        if anew or now - program.seen > SILENT_AFTER or (before.get("stopped") != snapshot.get("stopped")):
            program.since = now
        if not anew:
            self._note_rises(program, snapshot, now)
        program.snapshot, program.seen, program.ended = snapshot, now, None

    def ended(self, name: str, pid: int, now: float) -> None:
        """The process of a program is gone. One that said before that it stops is none to worry about."""
        program = self._programs.get(name)
        if program and program.snapshot.get("pid") == pid and not program.snapshot.get("stopped"):
            program.ended = now

    def clock_was_set(self, step: float) -> None:
        """The clock jumped: what is known happened as long ago as before, and nobody fell silent by that."""
        self._started += step
        self._moved += step
        self._awaited = {name: since + step for name, since in self._awaited.items()}
        for program in self._programs.values():
            program.seen += step if program.seen else 0.0
            program.since += step
            program.ended = None if program.ended is None else program.ended + step
            for rise in program.rises.values():
                rise["first"] += step
                rise["last"] += step
        self._alerts = deque(({**each, "seen": each["seen"] + step} for each in self._alerts), KEPT_ALERTS)

    def status(self, expected: tuple[str, ...], now: float) -> dict[str, Any]:
        """All of it as JSON values: of each program its `state` (starting, ok, silent, ended, stopped, never), since
        when, and its words."""
        begin = now if self._awaited else self._started
        self._awaited = {name: self._awaited.get(name, begin) for name in expected}
        names = (*expected, *(other for other in self._programs if other not in expected))
        return {
            "time": now,
            "programs": {name: self._said(name, now) for name in names},
            "moving": now - self._moved < MOVING,
            "alerts": {
                "count": self._alert_count,
                "latest": list(self._alerts),
                "rules": [[*key, count] for key, count in sorted(self._rules.items())],
            },
        }

    def _said(self, name: str, now: float) -> dict[str, Any]:
        program = self._programs.get(name, _Program())
        state, since = self._state(program, self._awaited.get(name, self._started), now)
        return {
            "state": state,
            "seen": program.seen or None,
            **program.snapshot,
            "since": since,
            "rises": {key: dict(rise) for key, rise in program.rises.items()},
        }

    def _state(self, program: _Program, awaited: float, now: float) -> tuple[str, float]:
        if not program.seen:
            return ("never" if now - awaited > SILENT_AFTER else "starting"), awaited
        if program.snapshot.get("stopped"):
            return "stopped", program.since
        if program.ended is not None:
            return "ended", program.ended
        return ("silent", program.seen) if now - program.seen > SILENT_AFTER else ("ok", program.since)

    def _note_rises(self, program: _Program, snapshot: Mapping[str, Any], now: float) -> None:
        if _number(snapshot, "stored_bytes") > _number(program.snapshot, "stored_bytes"):
            self._moved = now
        for key in WATCHED.get(snapshot["program"], ()):
            risen = _number(snapshot, key) - _number(program.snapshot, key)
            if risen <= 0:
                continue
            rise = program.rises.get(key)
            if rise is None or now - rise["last"] > _FORGIVEN:
                rise = program.rises[key] = {"first": now, "last": now, "by": 0}
            rise["last"] = now
            rise["by"] += risen

    def _post_alert(self, program: str, alert: dict[str, Any], now: float) -> None:
        self._alerts.append({"program": program, "seen": now, **alert})
        self._alert_count += 1
        about = alert.get("alert")
        about = about if isinstance(about, dict) else {}
        severity = about.get("severity")
        key = (program, str(about.get("signature_id", "?"))[:32], severity if isinstance(severity, int) else 3)
        if key in self._rules or len(self._rules) < KEPT_RULES:
            self._rules[key] += 1


def _number(snapshot: Mapping[str, Any], key: str) -> float:
    value = snapshot.get(key, 0)
    return value if isinstance(value, int | float) else 0
