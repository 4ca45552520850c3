"""Cleartext where TLS is demanded, and TLS where nobody expects it: D15, D19."""

from __future__ import annotations

from appliance.config.values import Address
from appliance.inspection.flow import DICOM_PORTS, endpoints
from appliance.inspection.ja4 import ja4
from appliance.inspection.observations import DicomInClear, HelloSeen
from appliance.inspection.registry import Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity
from appliance.inspection.tls_hello import CLIENT_HELLO, Hello

PLAINTEXT = Rule(
    "D15",
    Severity.HIGH,
    "DICOM in clear where TLS is required",
    "Turn on TLS at the caller. Until then what it sends can be read on the network.",
    "cleartext",
    ("T1040",),
    "110126",
)
UNLISTED_TLS = Rule(
    "D19",
    Severity.MEDIUM,
    "TLS connection that no entry allows",
    "What it carries cannot be seen. If the pair belongs together, register it; if not, find the caller.",
    "unauthorized association",
    ("T1071", "T1573"),
    "110126",
)


def plaintext(seen: DicomInClear, registry: Registry) -> Finding | None:
    """D15."""
    client, _, address, port = endpoints(seen.flow.key)
    title = shown.ae(seen.request.calling) if seen.request else None
    if seen.request is not None and title is None:
        title = ""
    demanded_by = registry.tls_demanded_by(title, client, registry.server(address, port))
    if not demanded_by:
        return None
    fields = shown.request(seen.request) if seen.request else {}
    who = f"calling {shown.title(seen.request.calling)}" if seen.request else "an association that was joined midway"
    return Finding(PLAINTEXT, f"{who}; TLS is required by the entry of {demanded_by}", seen.flow, fields)


def unlisted_tls(seen: HelloSeen, registry: Registry) -> Finding | None:
    """D19."""
    if seen.hello.kind != CLIENT_HELLO:
        return None
    client, _, address, port = endpoints(seen.flow.key)
    server, severity = registry.server(address, port), None
    if server is None:
        reason = "its server is not registered, its port is DICOM's"
        if port not in DICOM_PORTS:
            reason, severity = _elsewhere(seen.hello, client, address, registry), Severity.LOW
        if not reason:
            return None
    elif not server.takes_tls:
        reason = f"the entry of {server.name} says that it never speaks TLS"
    elif objection := registry.over_tls(client, server):
        reason = f"{objection}, its server is {server.name}"
        if registry.own is None and not server.own:  # it may be we
            severity = Severity.LOW
    else:
        return None
    fields = {"version": seen.hello.version, "ciphers_offered": len(seen.hello.ciphers), "ja4": ja4(seen.hello)}
    return Finding(UNLISTED_TLS, f"{reason}; offers {seen.hello.version}", seen.flow, fields, severity=severity)


def _elsewhere(hello: Hello, client: Address, server: Address, registry: Registry) -> str:
    """What a registered machine has to do with TLS at another port; empty for nothing, and for the web, whose hello
    says what it is for (ALPN). That of DICOM never does, so this may be DICOM.
    """
    if hello.alpn or registry.is_own(client):
        return ""
    named = registry.names_at(client) or registry.names_at(server)
    return f"neither its port nor its hello tells what it is for, and {named} is one of its ends" if named else ""


RULES = {DicomInClear: (plaintext,), HelloSeen: (unlisted_tls,)}
