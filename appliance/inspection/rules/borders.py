"""DICOM that leaves or enters the site, and credentials in clear: D09, D12."""

from __future__ import annotations

from appliance.inspection.flow import DICOM_PORTS, Flow, endpoints
from appliance.inspection.observations import AssociationRequested, DicomInClear, HelloSeen
from appliance.inspection.registry import Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity
from appliance.inspection.tls_hello import CLIENT_HELLO

CREDENTIALS = Rule(
    "D09",
    Severity.MEDIUM,
    "a user identity in clear",
    "Turn on TLS at the caller, and change what it showed: whoever watched the network has it.",
    "cleartext",
    ("T1040", "T1552"),
    "110126",
)
BORDER = Rule(
    "D12",
    Severity.HIGH,
    "DICOM between the site and elsewhere",
    "Find out who allowed it. If nobody did, close the way at the firewall and look at what was sent.",
    "exfiltration",
    ("T1048",),
)
_KINDS = {
    1: "a user name",
    2: "a user name and its passcode",
    3: "a Kerberos ticket",
    4: "a SAML assertion",
    5: "a JWT",
}


def credentials(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D09. What was shown is never taken in."""
    kind = seen.request.user_identity
    if kind is None:
        return None
    evidence = f"{shown.title(seen.request.calling)} shows {_KINDS.get(kind, 'an identity of an unknown type')}"
    severity = Severity.LOW if kind == 1 else None
    return Finding(CREDENTIALS, evidence, seen.flow, shown.request(seen.request), severity=severity)


def border(seen: DicomInClear, registry: Registry) -> Finding | None:
    """D12. Addresses that the registry names are allowed wherever they are."""
    where = _elsewhere(seen.flow, registry)
    fields = shown.request(seen.request) if seen.request else {}
    return Finding(BORDER, where, seen.flow, fields) if where else None


def border_over_tls(seen: HelloSeen, registry: Registry) -> Finding | None:
    """D12, where the port says that it is DICOM."""
    _, _, server, port = endpoints(seen.flow.key)
    if seen.hello.kind != CLIENT_HELLO or (port not in DICOM_PORTS and registry.server(server, port) is None):
        return None
    where = _elsewhere(seen.flow, registry)
    return Finding(BORDER, f"{where}; TLS at a port of DICOM", seen.flow) if where else None


def _elsewhere(flow: Flow, registry: Registry) -> str:
    client, _, server, _ = endpoints(flow.key)
    outside = [each for each in (client, server) if not registry.is_local(each) or each.is_global]
    strange = [each for each in outside if not registry.is_registered(each)]
    if not strange:
        return ""
    return f"{strange[0]} is {'a public address' if strange[0].is_global else 'not one of the site'}"


RULES = {AssociationRequested: (credentials,), DicomInClear: (border,), HelloSeen: (border_over_tls,)}
