"""What a collector hears: alerts, and findings raised or cleared. Pure; picks what may leave the box by name."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from appliance.panel.health.finding import Finding, Level
from appliance.panel.health.words import span
from appliance.panel.syslog.message import Message

# Severities of RFC 5424 6.2.1: 2 critical, 3 error, 4 warning, 5 notice.
_ALERT = {1: 2, 2: 4, 3: 5}
_FINDING = {Level.OK: 5, Level.WARN: 4, Level.ALARM: 3}
# From an alert's record to the name that a collector sees. Nothing else of the record leaves.
_TOP = {
    "in_iface": "interface",
    "src_ip": "source",
    "src_port": "sourcePort",
    "dest_ip": "target",
    "dest_port": "targetPort",
    "proto": "protocol",
    "app_proto": "application",
    "community_id": "communityId",
}
_ALERT_KEYS = {"signature_id": "rule", "signature": "title", "category": "category", "action": "action"}
_DICOM = {"calling_ae": "callingAE", "called_ae": "calledAE"}


def of_alert(program: str, pid: object, record: Mapping[str, Any], now: float) -> Message:
    """An alert as the sensor or the SCP recorded it (EVE-shaped)."""
    about = _table(record, "alert")
    more = _table(about, "metadata")
    data = [(name, _text(record, key)) for key, name in _TOP.items()]
    data += [(name, _text(about, key)) for key, name in _ALERT_KEYS.items()]
    data += [(name, _text(_table(record, "dicom"), key)) for key, name in _DICOM.items()]
    data.append(("count", _text(more, "count")))
    techniques = more.get("attack_technique")
    data.append(("technique", ",".join(map(str, techniques)) if isinstance(techniques, list) else ""))
    words = [_text(about, "signature") or "alert", _text(more, "evidence"), _text(more, "advice")]
    severity = about.get("severity")
    return Message(
        severity=_ALERT.get(severity, 4) if isinstance(severity, int) else 4,
        time=_time(record.get("timestamp"), now),
        program=program,
        kind=_text(about, "signature_id") or "ALERT",
        data=tuple(data),
        text=": ".join(word for word in words if word),
        pid=pid if isinstance(pid, int) else None,
    )


def of_finding(finding: Finding, now: float) -> Message:
    """A finding that was raised; one of level OK was cleared."""
    well = finding.level is Level.OK
    lasted = f" (after {span(now - finding.since)})" if well and finding.since else ""
    return Message(
        severity=_FINDING[finding.level],
        time=now,
        program="panel",
        kind="HEALTH-CLEARED" if well else "HEALTH-RAISED",
        data=(("question", finding.question), ("subject", finding.subject), ("level", finding.level.name.lower())),
        text=f"{finding.question}: {finding.subject} {finding.what}{lasted}. {finding.fix}".strip(),
    )


def of_loss(count: int, reason: str, now: float) -> Message:
    """Records that no collector will ever get."""
    return Message(3, now, "panel", "SYSLOG-LOST", (("count", str(count)),), f"{count} records were lost: {reason}")


def _table(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return str(value) if isinstance(value, str | int) else ""


def _time(stamp: object, now: float) -> float:
    try:
        return datetime.datetime.fromisoformat(str(stamp)).timestamp()
    except (ValueError, OverflowError):
        return now
