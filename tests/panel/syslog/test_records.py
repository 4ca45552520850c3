"""What leaves the box is picked by name."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.panel.health.finding import Finding, Level
from appliance.panel.syslog.message import render
from appliance.panel.syslog.records import of_alert, of_finding, of_loss

RECORD: dict[str, Any] = {
    "timestamp": "2024-03-01T10:00:00.250000+00:00",
    "event_type": "alert",
    "in_iface": "eth1",
    "src_ip": "192.0.2.9",
    "src_port": 40000,
    "dest_ip": "192.0.2.1",
    "dest_port": 104,
    "proto": "TCP",
    "ether": {"src_mac": "02:00:00:00:00:01"},
    "community_id": "1:abc=",
    "app_proto": "dicom",
    "alert": {
        "action": "allowed",
        "signature_id": "D01",
        "signature": "unknown peer",
        "category": "authorization",
        "severity": 1,
        "metadata": {
            "evidence": "called STORE1",
            "advice": "Look.",
            "count": 3,
            "attack_technique": ["T1046", "T1595"],
        },
    },
    "dicom": {"calling_ae": "EVIL", "called_ae": "PACS", "patient": "QUILLFEATHER", "study_uid": "1.2.3.4"},
    "payload": "QUILLFEATHER",
}


def test_an_alert() -> None:
    message = of_alert("sensor", 7, RECORD, 0.0)
    assert (message.severity, message.time, message.program, message.kind, message.pid) == (
        2, 1709287200.25, "sensor", "D01", 7,
    )  # fmt: skip
    assert dict(message.data) == {
        "interface": "eth1", "source": "192.0.2.9", "sourcePort": "40000", "target": "192.0.2.1", "targetPort": "104",
        "protocol": "TCP", "application": "dicom", "communityId": "1:abc=", "rule": "D01", "title": "unknown peer",
        "category": "authorization", "action": "allowed", "callingAE": "EVIL", "calledAE": "PACS", "count": "3",
        "technique": "T1046,T1595",
    }  # fmt: skip
    assert message.text == "unknown peer: called STORE1: Look."


def test_nothing_else_of_a_record_leaves() -> None:
    record = render(of_alert("sensor", 7, RECORD, 0.0), 1, "h", True)
    assert b"QUILLFEATHER" not in record and b"1.2.3.4" not in record


@pytest.mark.parametrize("severity", [1, 2, 3, 9, None, "high"])
def test_severities(severity: Any) -> None:
    message = of_alert("receive", None, {"alert": {"severity": severity}}, 5.0)
    assert message.severity == {1: 2, 2: 4, 3: 5}.get(severity, 4)
    assert (message.time, message.kind, message.text) == (5.0, "ALERT", "alert")


@pytest.mark.parametrize("record", [{}, {"alert": None}, {"alert": {"metadata": [1]}, "dicom": "x", "timestamp": []}])
def test_a_record_of_another_shape_is_told_all_the_same(record: dict[str, Any]) -> None:
    assert render(of_alert("sensor", "x", record, 5.0), 1, "h", True)


def test_a_finding_that_was_raised_and_cleared() -> None:
    raised = of_finding(Finding("disk", "state directory", Level.ALARM, "is full", "Make room."), 10.0)
    assert (raised.severity, raised.kind, raised.program) == (3, "HEALTH-RAISED", "panel")
    assert raised.text == "disk: state directory is full. Make room."
    cleared = of_finding(Finding("disk", "state directory", Level.OK, "is no longer so", since=10.0), 310.0)
    assert (cleared.severity, cleared.kind) == (5, "HEALTH-CLEARED")
    assert cleared.text == "disk: state directory is no longer so (after 5 min)."


def test_a_loss() -> None:
    assert of_loss(3, "the spool was full", 1.0).text == "3 records were lost: the spool was full"
