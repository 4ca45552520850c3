"""Keeps alerts few: what repeats within a window is one alert with a count. Pure; times are arguments, in seconds.

What goes on for long, in the same words, is told ever less often: its windows grow to an hour, or to ten minutes where
it is urgent, and say nothing before they end. Whatever else is found about the same pair is told at once.

Each rule has a rate of its own, so that nobody can hush one rule by setting off another.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Hashable

from appliance.base import limits
from appliance.inspection.alert import Alert
from appliance.inspection.flow import endpoints
from appliance.inspection.rules.rule import Finding, Severity

_NUMBER = re.compile(r'(?<![\w.:"-])\d+(?![\w.:-])')
_LATELY = 3600.0  # seconds after which the same is told at once again


class _Window:
    """`told`: how many of the alert's findings were told already; 0 where it says nothing until it ends."""

    __slots__ = ("alert", "length", "told")

    def __init__(self, alert: Alert, length: float, told: int) -> None:
        self.alert = alert
        self.length = length
        self.told = told


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
        self._past: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # when a window ended, and its length
        self._cut: list[Alert] = []  # of windows that ended before their time
        self._since = 0.0
        self._told: Counter[str] = Counter()  # by rule, in this window
        self.suppressed = 0  # findings that were neither told nor counted in an alert

    def __len__(self) -> int:
        return len(self._open)

    def offer(self, finding: Finding, now: float, always: bool = False) -> Alert | None:
        """Take a finding. Gives the alert to tell now: the first of its kind, if the rate allows or `always` is set."""
        key = _kind(finding)
        window = self._open.get(key)
        known = always or (window is not None and window.told)
        length = 0.0 if known else self._again(key, finding, now)
        if window is not None and not window.told and not length and _words(window.alert.finding) != _words(finding):
            self._cut += self._end(key, window.alert.last)  # something else is said of the same: that is told at once
            window = None
        if window is not None:
            alert = window.alert
            alert.count += 1
            alert.last = now
            alert.finding = finding
            return None
        if length:
            self._open[key] = _Window(Alert(finding, now, now), length, 0)
            return None
        if not 0 <= now - self._since < self._window:
            self._since = now
            self._told.clear()
        if self._told[finding.rule.id] >= self._rate and not always:
            self.suppressed += 1
            return None
        self._told[finding.rule.id] += 1
        window = _Window(Alert(finding, now, now), self._window, 1)
        self._open[key] = window
        return window.alert

    def _again(self, key: Hashable, finding: Finding, now: float) -> float:
        """For how long to say nothing of what was told in the same words lately; 0 for what was not."""
        ended, length = self._past.get((key, _words(finding)), (now - _LATELY, 0.0))
        if not 0 <= now - ended < _LATELY:
            return 0.0
        urgent = (finding.severity or finding.rule.severity) is Severity.HIGH
        return min(
            2 * length, limits.SENSOR_ALERT_AGAIN_URGENT.default if urgent else limits.SENSOR_ALERT_AGAIN.default
        )

    def _end(self, key: Hashable, now: float) -> list[Alert]:
        """A window is over. Gives its alert, if it has more than was told."""
        window = self._open.pop(key)
        past = key, _words(window.alert.finding)
        self._past[past] = now, window.length
        self._past.move_to_end(past)
        if len(self._past) > limits.SENSOR_SOURCES.default:
            self._past.popitem(last=False)
        return [window.alert] if window.alert.count > window.told else []

    def due(self, now: float) -> list[Alert]:
        """The alerts whose windows ended with more than was told. A window that stayed quiet says nothing."""
        ended, self._cut = self._cut, []
        for key in [key for key, each in self._open.items() if not 0 <= now - each.alert.first < each.length]:
            ended += self._end(key, now)
        return ended

    def finish(self) -> list[Alert]:
        """End all windows."""
        ended = self._cut + [window.alert for window in self._open.values() if window.alert.count > window.told]
        self._open.clear()
        self._cut = []
        return ended


def _words(finding: Finding) -> str:
    """What is said, whatever the numbers in it: counts differ each time. Digits of names and addresses stay."""
    return f"{finding.severity} {_NUMBER.sub('#', finding.evidence)}"


def _kind(finding: Finding) -> Hashable:
    if finding.about or finding.flow is None:
        return finding.rule.id, *finding.about
    source, _, target, port = endpoints(finding.flow.key)
    return finding.rule.id, source, target, port
