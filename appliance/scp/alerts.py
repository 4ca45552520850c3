"""What the SCP tells of those that it refused, in the shape of the sensor's alerts (EVE JSON). Pure; no PHI.

The sensor cannot see into TLS; the SCP can, so a stranger with a certificate of the site is known here alone.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from appliance.config.values import Address


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert that the SCP can raise. `severity` 1 high to 3 low."""

    id: str
    title: str
    category: str
    severity: int
    advice: str
    attack: tuple[str, ...]
    """MITRE ATT&CK techniques."""
    atna: str
    """A code of DICOM CID 403."""


ASSOCIATION_REFUSED = Rule(
    "R01",
    "association refused",
    "authorization",
    2,
    "Find out who it is; if it is yours, the log says what to add: "
    "journalctl -u appliance-receive APPLIANCE_EVENT=ASSOCIATION-REFUSED",
    ("T1078",),
    "110126",
)
NODE_AUTHENTICATION_FAILED = Rule(
    "R02",
    "TLS node authentication failed",
    "authentication",
    2,
    "Find out who it is; if it is yours, the log says what is wrong: "
    "journalctl -u appliance-receive APPLIANCE_EVENT=HANDSHAKE-FAILED",
    ("T1078",),
    "110126",
)
PROTOCOL_BROKEN = Rule(
    "R03",
    "DICOM protocol broken",
    "protocol",
    3,
    "Find out who it is, or tell the vendor.",
    ("T1190", "T1499"),
    "110128",
)
DECOY_CALLED = Rule(
    "R04",
    "a decoy was called",
    "reconnaissance",
    1,
    "No device has a reason to call it: find who did, and look at what else came from that address.",
    ("T1046",),
    "110132",
)
RULES = (ASSOCIATION_REFUSED, NODE_AUTHENTICATION_FAILED, PROTOCOL_BROKEN, DECOY_CALLED)


def record(rule: Rule, address: Address, port: int, now: float, seen: dict[str, str]) -> dict[str, Any]:
    """The alert as JSON values. `seen` holds washed text; `now` is seconds since the epoch."""
    when = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return {
        "timestamp": when.isoformat(timespec="microseconds"),
        "event_type": "alert",
        "src_ip": str(address),
        "src_port": port,
        "proto": "TCP",
        "app_proto": "dicom",
        "alert": {
            "action": "blocked",
            "signature_id": rule.id,
            "signature": rule.title,
            "category": rule.category,
            "severity": rule.severity,
            "metadata": {"advice": rule.advice, "attack_technique": list(rule.attack), "atna": rule.atna},
        },
        "dicom": seen,
    }
