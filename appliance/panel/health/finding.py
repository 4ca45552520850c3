"""What a health check found: well or not, what, since when, what to do, and which lamps say so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Level(IntEnum):
    """How bad it is. WARN needs a person soon, ALARM now."""

    OK = 0
    WARN = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question about one thing. `since` is seconds since the epoch, None where nobody knows it yet;
    `lamps` are "function:state" of `lamps.TABLE`. Names of destinations and programs, never of patients."""

    question: str
    subject: str
    level: Level
    what: str
    fix: str = ""
    since: float | None = None
    lamps: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "question": self.question,
            "subject": self.subject,
            "level": self.level.name.lower(),
            "what": self.what,
            "fix": self.fix,
            "since": self.since,
            "lamps": list(self.lamps),
        }
