"""Facts of a box that is well, to be spoilt one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from appliance.panel.health.facts import CertificateEnd, Facts, Machine
from appliance.panel.health.finding import Finding, Level
from appliance.vault.space import Room

NOW = 1_700_000_000.0
DAY = 86400.0
GIB = 1 << 30

ROOM = Room(100 * GIB, 60 * GIB, 10 * GIB, 1_000_000, 900_000, 100_000, True)
MACHINE = Machine(51.0, None, 90.0, False, 0.2, False, {"mmcblk0p2": 0}, 0.0, 0.2)
QUEUE = {
    "waiting": 0, "gathering": 0, "leased": 0, "held": 0, "delivered": 7, "oldest": None, "error": "", "advice": "",
    "blocked": False,
    "failures": 0, "next_try_in": 0.0, "circuit": "closed", "paused": None, "schedule": "", "opens_in": 0.0,
    "rests": 0.0, "rate": 0.0, "byte_rate": 0, "drained_in": 0.0, "instances_sent": 7, "bytes_sent": 700, "failed": 1,
    "last_error": {"reason": "connection refused", "at": NOW - 600},
    "stored": 0, "overdue": 0, "proof_error": "",
}  # fmt: skip
EXPORTER = {
    "collector": "siem.example:6514", "connected": True, "error": "", "since": NOW - 60, "sent": 3, "waiting": 0,
    "bytes": 0, "lost": 0, "lost_at": 0.0,
}  # fmt: skip


def said(state: str = "ok", **more: Any) -> dict[str, Any]:
    """What a program says."""
    return {"state": state, "seen": NOW - 1, "since": NOW - 3600, "rises": {}, "dropped": 0, **more}


def forward(**queue: Any) -> dict[str, Any]:
    """`forward`, with one destination."""
    return said(
        objects=4,
        bytes=4096,
        commitments={"asked": 0, "decided": 0},
        identity={"state": "open", "lamp": ""},
        destinations={"pacs": {**QUEUE, **queue}},
        links={"eth0": True},
        link_errors=0,
    )


def facts(**change: Any) -> Facts:
    """All well, but for what is changed. `programs` are added to those that are there."""
    programs = {
        "receive": said(associations=1, stored=9, stored_bytes=900, not_stored=0, accepted=2, workers=2, pending=0),
        "forward": forward(),
        "sensor": said(interface="eth1", packets=5, flows=1, alerts=0),
        **change.pop("programs", {}),
    }
    whole = Facts(
        now=NOW,
        programs=programs,
        room=ROOM,
        machine=MACHINE,
        certificates=(CertificateEnd("receive.certificate", "/tls/a.crt", NOW + 300 * DAY),),
        exporter=EXPORTER,
    )
    return replace(whole, **change)


def summary(findings: list[Finding]) -> list[tuple[str, Level, tuple[str, ...]]]:
    """Subject, level and lamps of each."""
    return [(each.subject, each.level, each.lamps) for each in findings]


def ago(seconds: float, by: int = 3) -> dict[str, float]:
    """A rise of a counter whose last step was so long ago."""
    return {"first": NOW - seconds - 10, "last": NOW - seconds, "by": by}
