"""Whether a mirror port shows anything of others (catalogue D44). Pure; it looks at counters, never at frames."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.base import limits
from appliance.inspection.link_observations import Silence
from appliance.inspection.statistics import Statistics

_FEW = 20  # frames without TCP, or connections, below which nothing can be said


class Mirror:
    """Compares the counters over `SENSOR_SILENCE` seconds."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._since = 0.0
        self._before = self._counted()

    def _counted(self) -> tuple[int, ...]:
        seen = self._statistics
        return seen.packets, seen.others, seen.opened, seen.answered, seen.connections

    def tick(self, now: float, expected: bool) -> Iterator[Silence]:
        """Time has passed. `expected`: traffic of others should be seen."""
        if not self._since or now < self._since:
            self._since, self._before = now, self._counted()
            return
        if now - self._since < limits.SENSOR_SILENCE.default:
            return
        seconds, counted = int(now - self._since), self._counted()
        came, without_tcp, opened, answered, connections = map(int.__sub__, counted, self._before)
        self._since, self._before = now, counted
        if not expected:
            return
        if not came:
            yield Silence(f"no frame within {seconds} s")
        elif came == without_tcp >= _FEW:
            yield Silence(f"nothing but frames without TCP, as of broadcasts, within {seconds} s")
        elif connections >= _FEW and (
            not opened or not answered
        ):  # a scan alone is not answered either, but has no data
            yield Silence(
                f"one direction alone: within {seconds} s {opened} connections were asked for, {answered} granted"
            )
