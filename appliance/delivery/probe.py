"""The steps of `appliance echo`: each with its time, what was seen, and a hint where it fails. The first that fails is
the last. What the other side sent is washed before it is shown.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from appliance.base.errors import ApplianceError

Result = Literal["ok", "warn", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step that was tried. `details` are lines below it."""

    name: str
    result: Result
    seconds: float
    what: str
    details: tuple[str, ...] = ()
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"seconds": round(self.seconds, 6), "details": list(self.details)}


@dataclass(slots=True)
class Notes:
    """What a step notes while it goes."""

    what: str = ""
    details: list[str] = field(default_factory=list)
    hint: str = ""
    result: Result = "ok"

    def failure(self, what: str, hint: str) -> Failed:
        """To be raised: the step ends here, with these words."""
        self.what, self.hint, self.result = what, hint, "failed"
        return Failed()


class Failed(Exception):
    """A step failed; what was seen is in its notes."""


class Probe:
    """Collects steps. `told` is called with each when it is over."""

    def __init__(self, told: Callable[[Step], None] = lambda _: None) -> None:
        self.steps: list[Step] = []
        self._told = told

    @property
    def ok(self) -> bool:
        """Whether no step failed."""
        return all(step.result != "failed" for step in self.steps)

    @contextmanager
    def step(self, name: str) -> Iterator[Notes]:
        """Around what is tried. Raises `Failed` when that failed, in the words of the error."""
        notes = Notes()
        begun = time.monotonic()
        try:
            yield notes
        except Failed:
            raise
        except ApplianceError as error:
            notes.result, notes.what, notes.hint = "failed", error.message, error.fix or notes.hint
            raise Failed from None
        finally:
            step = Step(name, notes.result, time.monotonic() - begun, notes.what, tuple(notes.details), notes.hint)
            self.steps.append(step)
            self._told(step)
