"""What a rule is: a value that says what it means and what to do; a pure function from an observation to a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from appliance.config.values import Address
from appliance.inspection.flow import Flow
from appliance.inspection.registry import Registry


class Severity(IntEnum):
    """As Suricata's EVE counts: 1 is the worst."""

    HIGH = 1
    MEDIUM = 2
    LOW = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the catalogue; ids are stable. `attack`: MITRE ATT&CK techniques; `atna`: codes of DICOM CID 403."""

    id: str
    severity: Severity
    title: str
    advice: str
    category: str
    attack: tuple[str, ...] = ()
    atna: str = "110128"  # network configuration


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that was met. `evidence` and `fields` hold no patient data, and peers' bytes only washed.

    Findings of one rule with one `about` are one alert: by default the pair of client and server endpoint.
    """

    rule: Rule
    evidence: str
    flow: Flow | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    about: tuple[object, ...] = ()
    severity: Severity | None = None
    source: Address | None = None
    target: Address | None = None
    mac: str = ""  # where it was seen below IP
    proto: str = "TCP"


Judge = Callable[[Any, Registry], Finding | None]
