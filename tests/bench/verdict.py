"""Figures and what is demanded of them: medians, percentiles, targets met or missed. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure beside its target. `limit` is the most that is allowed, or with `at_least` the least."""

    what: str
    figure: float
    limit: float
    unit: str = "x"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is within the limit; one that is no number is not."""
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit

    def line(self) -> str:
        """For people."""
        bound = "at least" if self.at_least else "at most"
        word = "met" if self.met else "MISSED"
        return f"{self.what}: {self.figure:.2f} {self.unit}, target {bound} {self.limit:g} {self.unit}: {word}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "what": self.what,
            "figure": round(self.figure, 4) if math.isfinite(self.figure) else None,
            "target": self.limit,
            "bound": "at least" if self.at_least else "at most",
            "unit": self.unit,
            "met": self.met,
        }


@dataclass(slots=True)
class Section:
    """What one part of the benchmark found: lines to read, verdicts, and figures as JSON values."""

    title: str
    lines: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def judge(self, verdict: Verdict) -> None:
        """Take a verdict in, and print it where it belongs among the lines."""
        self.verdicts.append(verdict)
        self.lines.append(f"  -> {verdict.line()}")

    def text(self) -> str:
        """For people."""
        return "\n".join([f"\n== {self.title}", *self.lines])

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {"figures": self.figures, "targets": [verdict.as_json() for verdict in self.verdicts]}


def summary(verdicts: Sequence[Verdict]) -> str:
    """How many targets were met, and which were not."""
    missed = [verdict for verdict in verdicts if not verdict.met]
    head = f"\n{len(verdicts) - len(missed)} of {len(verdicts)} targets met"
    return "\n".join([head + (", missed:" if missed else ""), *(f"  {verdict.line()}" for verdict in missed)])


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed (nearest rank); NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """The median; NaN of none."""
    return statistics.median(values) if values else math.nan


def spread(values: Sequence[float]) -> float:
    """How many times the largest is the smallest: how far to trust the median."""
    return max(values) / min(values)


def extrapolate(one: float, part: float, sent: int, of: int) -> float:
    """Seconds that `of` files would take, of which `sent` took `part` and the first alone `one`, start-up included."""
    return one + (part - one) * (of - 1) / (sent - 1)
