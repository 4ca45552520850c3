"""Whether there is reason to doubt the medium, for a process that has no file of it open and is asked now and then."""

from __future__ import annotations

from pathlib import Path

from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused


class MediumWatch:
    """Used by one thread, every few seconds. It costs an open, two stats and a read of /proc, and writes nothing."""

    def __init__(self, directory: Path, medium: Medium | None = None) -> None:
        self._directory = directory
        self._medium = medium or Medium()
        self._seen = self._identity()

    def doubtful(self) -> bool:
        """Whether the medium does not take writes, is not there, or is another than at the last look."""
        before, self._seen = self._seen, self._identity()
        return self._seen is None or self._seen != before

    def _identity(self) -> tuple[int, int] | None:
        try:
            self._medium.check_alive(self._directory)
            return self._medium.identity(self._directory)
        except DiskRefused:
            return None
