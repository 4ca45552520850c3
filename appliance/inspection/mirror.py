"""Whether a mirror port shows anything of others (catalogue D44). Pure; it looks at counters, never at frames."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.inspection.link_observations import Silence
from appliance.inspection.statistics import Statistics

_FEW = 20  # frames without TCP, below which nothing can be said


class Mirror:
    """Compares the counters over `SENSOR_SILENCE` seconds."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._since = 0.0
        self._packets = 0
        self._others = 0

    def tick(self, now: float, expected: bool) -> Iterator[Silence]:
        """Time has passed. `expected`: traffic of others should be seen."""
        packets, others = self._statistics.packets, self._statistics.others
        if not self._since or now < self._since:
            self._since, self._packets, self._others = now, packets, others
            return
        if now - self._since < limits.SENSOR_SILENCE.default:
            return
        seconds = int(now - self._since)
        came, without_tcp = packets - self._packets, others - self._others
        self._since, self._packets, self._others = now, packets, others
        if not expected:
            return
        if not came:
            yield Silence(f"no frame within {seconds} s")
        elif came == without_tcp >= _FEW:
            yield Silence(f"nothing but frames without TCP, as of broadcasts, within {seconds} s")
