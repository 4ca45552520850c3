"""Servers that nobody registered: D11."""

from __future__ import annotations

from appliance.inspection.flow import endpoints
from appliance.inspection.observations import AssociationAnswered
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
    _, _, address, port = endpoints(seen.flow.key)
    if registry.server(address, port) is not None:
        return None
    if seen.accept is not None:
        answer, fields = "accepted an association", {"result": "accepted"}
    else:
        result, source, reason = seen.reject or (0, 0, 0)
        answer, fields = "rejected an association", {"result": f"rejected {result}/{source}/{reason}"}
    about = (str(address), port)
    return Finding(ROGUE_SERVER, f"it {answer}", seen.flow, dict(fields), about)


RULES = {AssociationAnswered: (rogue_server,)}
