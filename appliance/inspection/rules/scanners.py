"""Tools that give themselves away: D05; and scans: D40."""

from __future__ import annotations

from appliance.inspection.associate import Associate
from appliance.inspection.developments import Kind, Recurring
from appliance.inspection.flow import endpoints
from appliance.inspection.observations import AssociationRequested, Probing
from appliance.inspection.registry import Calling, Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity

SCANNER = Rule(
    "D05",
    Severity.HIGH,
    "association request of a scanner or test tool",
    "Ask who scans. An announced scan may be ignored; else treat the source as hostile.",
    "reconnaissance",
    ("T1046", "T1595"),
    "110126",
)
SCAN = Rule(
    "D40",
    Severity.MEDIUM,
    "scan of addresses or ports",
    "Ask who scans. If nobody does, take the source off the network and look for what it found.",
    "reconnaissance",
    ("T1046",),
)
_PADDED = "scapy (NUL-padded UIDs)"


def _tool(request: Associate) -> str:
    """The tool that makes requests like this one; empty when none is known to."""
    calling = (shown.ae(request.calling) or "").upper()
    if request.reserved[:1] == b"0" and not any(request.reserved[1:]):
        return "nmap's dicom library (a reserved byte holds its tell-tale 30H)"
    if request.implementation_version.strip(b"\0 ") == b"NMAP_NSE":
        return "nmap (its implementation version name)"
    if calling == "SCAPY_SCU":
        return "scapy (its default AE title)"
    if request.padded_uids:
        return _PADDED
    if calling == "FUZZ_SCU" or calling.startswith("EXHAUST_"):
        return "a DICOM fuzzer (its AE title)"
    return ""


def scanner(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D05."""
    tool = _tool(seen.request)
    if not tool:
        return None
    client, _, server, port = endpoints(seen.flow.key)
    standing = registry.calling(shown.ae(seen.request.calling), client, registry.server(server, port))
    severity = Severity.LOW if tool == _PADDED and standing is Calling.KNOWN else None  # old devices pad them too
    evidence = f"looks like {tool}, calling {shown.title(seen.request.calling)}"
    return Finding(SCANNER, evidence, seen.flow, shown.request(seen.request), severity=severity)


def scan(seen: Probing, registry: Registry) -> Finding:
    """D40."""
    evidence = (
        f"{seen.targets} targets without an answer within a minute, the last of them "
        f"on {seen.hosts} hosts and {seen.ports} ports"
    )
    return Finding(SCAN, evidence, about=(seen.source,), source=seen.source)


def sweep(seen: Recurring, registry: Registry) -> Finding | None:
    """D40."""
    if seen.kind is not Kind.ECHO_SWEEP:
        return None
    evidence = f"{seen.count} {seen.kind.value} by it within a minute"
    return Finding(SCAN, evidence, about=(seen.source, "verification"), source=seen.source)


RULES = {AssociationRequested: (scanner,), Probing: (scan,), Recurring: (sweep,)}
