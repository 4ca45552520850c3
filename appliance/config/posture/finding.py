"""A finding of `appliance check`, and the kinds of them: the id is stable, for people search for it and silence it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing that a person should know. `subject` is the place in the file; an error keeps something from working."""

    id: str
    severity: Severity
    subject: str
    what: str
    why: str
    fix: str

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding: why it matters and how it is mended. `fix` may have {fields}."""

    id: str
    severity: Severity
    why: str
    fix: str

    def found(self, subject: str, what: str, **fields: object) -> Finding:
        """This rule applied: `what` is the fact."""
        return Finding(self.id, self.severity, subject, what, self.why, self.fix.format_map(fields))
