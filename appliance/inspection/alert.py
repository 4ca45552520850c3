"""An alert, and its record: one JSON object in the shape of Suricata's EVE, without patient data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from appliance.inspection.community_id import community_id
from appliance.inspection.flow import Carries, endpoints
from appliance.inspection.moment import moment
from appliance.inspection.rules.rule import Finding


@dataclass(slots=True)
class Alert:
    """A finding that is told, once for all like it in a window. Times are seconds since the epoch."""

    finding: Finding
    first: float
    last: float
    count: int = 1

    def record(self, interface: str) -> dict[str, Any]:
        """The EVE-shaped record."""
        finding, rule, flow = self.finding, self.finding.rule, self.finding.flow
        record: dict[str, Any] = {"timestamp": _stamp(self.last), "event_type": "alert", "in_iface": interface}
        if flow is not None:
            source, source_port, target, target_port = endpoints(flow.key)
            record |= {
                "flow_id": _flow_id(flow.key, flow.began),
                "vlan": list(flow.vlans),
                "src_ip": str(source),
                "src_port": source_port,
                "dest_ip": str(target),
                "dest_port": target_port,
                "proto": "TCP",
                "ip_v": source.version,
                "ether": {"src_mac": flow.macs[6:12].hex(":"), "dest_mac": flow.macs[:6].hex(":")},
                "community_id": community_id(flow.key),
                "app_proto": flow.carries.value,
            }
        elif finding.source is not None:
            record |= {"src_ip": str(finding.source), "ip_v": finding.source.version, "proto": finding.proto}
        if finding.target is not None:
            record["dest_ip"] = str(finding.target)
        if finding.mac:
            record["ether"] = {"src_mac": finding.mac}
        record["alert"] = {
            "action": "allowed",
            "signature_id": rule.id,
            "rev": 1,
            "signature": rule.title,
            "category": rule.category,
            "severity": int(finding.severity or rule.severity),
            "metadata": {
                "evidence": finding.evidence,
                "advice": rule.advice,
                "count": self.count,
                "summary": self.count > 1,
                "first": _stamp(self.first),
                "attack_technique": list(rule.attack),
                "atna": rule.atna,
            },
        }
        if finding.fields:
            tls = flow is not None and flow.carries is Carries.TLS
            record["tls" if tls else "dicom"] = finding.fields
        return record


def parties(record: dict[str, Any]) -> tuple[str, str]:
    """Source and target of a record, for a person; empty where it has none. Not every target has a port."""
    target = str(record.get("dest_ip", ""))
    if target and "dest_port" in record:
        target += f" port {record['dest_port']}"
    return str(record.get("src_ip", "")), target


def _stamp(seconds: float) -> str:
    return moment(seconds).isoformat(timespec="microseconds")


def _flow_id(key: bytes, began: float) -> int:
    """A number for the connection, small enough for JSON readers that know doubles only."""
    return int.from_bytes(hashlib.blake2b(key + repr(began).encode(), digest_size=8).digest(), "big") >> 11
