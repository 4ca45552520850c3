"""Servers that nobody registered: D11."""

from __future__ import annotations

from appliance.inspection.flow import endpoints
from appliance.inspection.observations import AssociationAnswered, Listening
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

ROGUE_SERVER = Rule(
    "D11",
    Severity.HIGH,
    "DICOM server that is not registered",
    "Find the device at this address and port. If it belongs here, register it; if not, images may be leaking to it.",
    "rogue infrastructure",
    ("T1557", "T1041"),
)


def rogue_server(seen: AssociationAnswered, registry: Registry) -> Finding | None:
    """D11."""
    client, _, address, port = endpoints(seen.flow.key)
    server, severity, unsure = registry.server(address, port), None, ""
    if server is not None:
        if server.own or not server.anywhere or registry.is_own(client):
            return None
        severity, unsure = Severity.LOW, f"; it may be {server.name}, whose host name is not resolved"
    if seen.accept is not None:
        answer, fields = "accepted an association", {"result": "accepted"}
    else:
        result, source, reason = seen.reject or (0, 0, 0)
        answer, fields = "rejected an association", {"result": f"rejected {result}/{source}/{reason}"}
    about = (str(address), port)
    return Finding(ROGUE_SERVER, f"it {answer}{unsure}", seen.flow, dict(fields), about, severity)


def listening(seen: Listening, registry: Registry) -> Finding:
    """D11, for information: what it speaks was not seen yet."""
    evidence = f"{seen.server} answers at port {seen.port}, which is DICOM's; {seen.client} tried it"
    about = (seen.server, seen.port, "listens")
    return Finding(ROGUE_SERVER, evidence, about=about, severity=Severity.LOW, source=seen.client, target=seen.server)


RULES = {AssociationAnswered: (rogue_server,), Listening: (listening,)}
