"""One row of the table: what was done to delivery, what came of it, and what a person was told meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.cli.demo.evidence import Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """What `queue` and `status` said at one moment of a fault, and what to do about it."""

    queue: str
    status: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """`told` in the order in which it was said."""

    fault: str
    verdict: Verdict
    outcome: str
    told: tuple[Told, ...] = ()

    def column(self, name: str) -> str:
        """What was said in one place, each thing once."""
        return "\n".join(dict.fromkeys(filter(None, (getattr(each, name) for each in self.told))))


def judge(fault: str, holds_true: bool, outcome: str, told: Iterable[Told] = ()) -> Row:
    """A row that is shown or failed."""
    return Row(fault, Verdict.SHOWN if holds_true else Verdict.FAILED, outcome, tuple(told))
