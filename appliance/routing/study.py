"""Decides when a study counts as complete: when nothing of it came for a while, and after a longest time in any case.

Pure: time is seconds on any one clock that runs forward, and an argument. DICOM storage has no word for "that was all",
so this is a guess; what comes later goes later, and nothing is lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quiet:
    """The quiet time of one study that runs: complete at `due` if nothing more comes, and at `latest` if it does."""

    due: float
    latest: float

    @classmethod
    def begin(cls, now: float, quiet: float, longest: float) -> Quiet:
        """The first instance came."""
        return cls(now + quiet, now + max(quiet, longest))

    def another(self, now: float, quiet: float) -> Quiet:
        """One more came: the quiet time begins anew. It never ends earlier than it would have."""
        return Quiet(min(max(self.due, now + quiet), self.latest), self.latest)

    def complete(self, now: float) -> bool:
        """Whether the study is."""
        return now >= self.due
