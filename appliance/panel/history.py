"""The memory of findings: since when things are as they are, and what changed. Pure; times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from appliance.panel.health.finding import Finding, Level


@dataclass(slots=True)
class Change:
    """What is new since the last look. `raised` got worse; `cleared` is well again, or no longer asked about."""

    raised: list[Finding] = field(default_factory=list)
    cleared: list[Finding] = field(default_factory=list)


class History:
    """The last findings, by question and subject."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Finding] = {}

    def clock_was_set(self, step: float) -> None:
        """The clock jumped: everything is so for as long as before."""
        for key, finding in self._known.items():
            if finding.since is not None:
                self._known[key] = replace(finding, since=finding.since + step)

    def update(self, findings: Iterable[Finding], now: float) -> tuple[list[Finding], Change]:
        """The findings, each with the time since which it is so, and what changed. A cleared finding keeps the time
        since which it had been bad."""
        change, dated, current = Change(), [], {}
        for finding in findings:
            key = (finding.question, finding.subject)
            before = self._known.get(key)
            if finding.since is None:
                same = before is not None and before.level == finding.level
                finding = replace(finding, since=before.since if same and before else now)
            current[key] = finding
            dated.append(finding)
            if finding.level > (before.level if before else Level.OK):
                change.raised.append(finding)
            elif before and before.level > Level.OK and finding.level == Level.OK:
                change.cleared.append(replace(finding, since=before.since))
        for key, before in self._known.items():
            if key not in current and before.level > Level.OK:
                change.cleared.append(replace(before, level=Level.OK, what="is no longer so", fix="", lamps=()))
        self._known = current
        return dated, change
