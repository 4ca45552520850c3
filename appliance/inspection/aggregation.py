"""Keeps alerts few: what repeats within a window is one alert with a count. Pure; times are arguments, in seconds.

Each rule has a rate of its own, so that nobody can hush one rule by setting off another.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable

from appliance.base import limits
from appliance.inspection.alert import Alert
from appliance.inspection.flow import endpoints
from appliance.inspection.rules.rule import Finding


class _Window:
    __slots__ = ("alert", "told")

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self.told = alert.count


class Aggregation:
    """The first of its kind is told at once; the others when its window ends, as one with their number."""

    def __init__(
        self,
        window: float = limits.SENSOR_ALERT_WINDOW.default,
        rate: int = limits.SENSOR_ALERT_RATE.default,
    ) -> None:
        self._window = window
        self._rate = rate
        self._open: OrderedDict[Hashable, _Window] = OrderedDict()
        self._since = 0.0
        self._told: Counter[str] = Counter()  # by rule, in this window
        self.suppressed = 0  # findings that were neither told nor counted in an alert

    def __len__(self) -> int:
        return len(self._open)

    def offer(self, finding: Finding, now: float, always: bool = False) -> Alert | None:
        """Take a finding. Gives the alert to tell now: the first of its kind, if the rate allows or `always` is set."""
        key = _kind(finding)
        window = self._open.get(key)
        if window is not None:
            alert = window.alert
            alert.count += 1
            alert.last = now
            alert.finding = finding
            return None
        if not 0 <= now - self._since < self._window:
            self._since = now
            self._told.clear()
        if self._told[finding.rule.id] >= self._rate and not always:
            self.suppressed += 1
            return None
        self._told[finding.rule.id] += 1
        window = _Window(Alert(finding, now, now))
        self._open[key] = window
        return window.alert

    def due(self, now: float) -> list[Alert]:
        """The alerts whose windows ended with more than was told. A window that stayed quiet is forgotten."""
        ended = []
        while self._open:
            key, window = next(iter(self._open.items()))
            if 0 <= now - window.alert.first < self._window:
                break
            del self._open[key]
            if window.alert.count > window.told:
                ended.append(window.alert)
        return ended

    def finish(self) -> list[Alert]:
        """End all windows."""
        ended = [window.alert for window in self._open.values() if window.alert.count > window.told]
        self._open.clear()
        return ended


def _kind(finding: Finding) -> Hashable:
    if finding.about or finding.flow is None:
        return finding.rule.id, *finding.about
    source, _, target, port = endpoints(finding.flow.key)
    return finding.rule.id, source, target, port
