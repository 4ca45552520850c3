"""Who calls whom under which names, and who touches a decoy: D01, D02, D03, D13."""

from __future__ import annotations

from appliance.inspection.conversation import JOINED
from appliance.inspection.developments import Change, Changed
from appliance.inspection.flow import endpoints
from appliance.inspection.observations import AssociationRequested, Blind, Touched
from appliance.inspection.registry import Calling, Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity

UNKNOWN_CALLING = Rule(
    "D01",
    Severity.HIGH,
    "unknown calling AE title",
    "Find the device at this address. If it belongs here, add a [[peer]] for it; if not, take it off the network.",
    "unauthorized association",
    ("T1078",),
    "110126",
)
UNKNOWN_CALLED = Rule(
    "D02",
    Severity.MEDIUM,
    "called AE title or server that is not registered for this pair",
    "Check the caller's settings: somebody may be guessing AE titles, or an entry, or calls of one, lacks something.",
    "unauthorized association",
    ("T1046",),
    "110126",
)
WRONG_ADDRESS = Rule(
    "D03",
    Severity.HIGH,
    "registered AE title from an address that is not its own",
    "Find the device at this address. If the modality moved, change its addresses; if not, somebody uses its name.",
    "impersonation",
    ("T1036", "T1078"),
    "110126",
)
DECOY = Rule(
    "D13",
    Severity.HIGH,
    "a decoy was touched",
    "No device has a reason to try it: find who did, and look at what else came from that address.",
    "reconnaissance",
    ("T1046",),
    "110132",
)
_DEFAULTS = frozenset(
    ("ANY-SCP", "ECHOSCU", "STORESCU", "FINDSCU", "MOVESCU", "GETSCU", "PYNETDICOM", "DCMTK", "ORTHANC")
)


def unknown_calling(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D01."""
    address, _, target, port = endpoints(seen.flow.key)
    title = shown.ae(seen.request.calling)
    standing = registry.calling(title, address, registry.server(target, port))
    if standing not in (Calling.UNKNOWN, Calling.CASE):
        return None
    note = " (a toolkit's default)" if title in _DEFAULTS else ""
    if standing is Calling.CASE:
        note = " (registered with other upper and lower case)"
    evidence = f"calling {shown.title(seen.request.calling)}{note}, called {shown.title(seen.request.called)}"
    return Finding(UNKNOWN_CALLING, evidence, seen.flow, shown.request(seen.request))


def wrong_address(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D03."""
    address, _, target, port = endpoints(seen.flow.key)
    server = registry.server(target, port)
    if registry.calling(shown.ae(seen.request.calling), address, server) is not Calling.ELSEWHERE:
        return None
    evidence = f"calling {shown.title(seen.request.calling)}, called {shown.title(seen.request.called)}"
    return Finding(WRONG_ADDRESS, evidence, seen.flow, shown.request(seen.request))


def unknown_called(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D02."""
    client, _, address, port = endpoints(seen.flow.key)
    title, calling = shown.ae(seen.request.called), shown.ae(seen.request.calling)
    if title is not None and title == registry.decoy:
        return None
    server = registry.server(address, port)
    named = f"called {shown.title(seen.request.called)}"
    if server is None:
        evidence = f"{named}, at a server that is not registered"
    elif not registry.answers(title, address, port):
        evidence = f"{named}, which {server.name} does not answer to"
    elif registry.calling(calling, client, server) is Calling.BARRED:
        evidence = f"{shown.title(seen.request.calling)} is registered, but not as one who may call {server.name}"
    elif name := registry.barred(calling, client, title, server):
        evidence = f"{named}, which the entry of {name} does not list in calls"
    else:
        return None
    return Finding(UNKNOWN_CALLED, evidence, seen.flow, shown.request(seen.request))


def joined_midway(seen: Blind, registry: Registry) -> Finding | None:
    """D02, of a connection that was there before the sensor: whatever it carries, its client may not call."""
    if seen.what != JOINED or seen.flow is None:
        return None
    client, _, address, port = endpoints(seen.flow.key)
    server = registry.server(address, port)
    if server is None or registry.is_own(client) or (registry.own is None and not server.own):
        return None
    if any(each.is_at(client) and each.may_call(server) for each in registry.callers):
        return None
    evidence = f"no entry lets a machine at {client} call {server.name}; their connection was joined midway"
    return Finding(UNKNOWN_CALLED, evidence, seen.flow)


def second_place(seen: Changed, registry: Registry) -> Finding | None:
    """D03, where an entry allows many addresses."""
    if seen.change is Change.MAC:
        evidence = f"{seen.before} announces its address, it calls from {seen.after}"
        return Finding(WRONG_ADDRESS, evidence, seen.flow, severity=Severity.MEDIUM, mac=seen.after)
    client, _, target, port = endpoints(seen.flow.key)
    title = seen.title if seen.change is Change.PLACE else None
    if registry.is_own(client) or registry.calling(title, client, registry.server(target, port)) is not Calling.KNOWN:
        return None
    evidence = f"it calls from {seen.before} too, and never did from {seen.after}; its entry allows both"
    return Finding(WRONG_ADDRESS, evidence, seen.flow, severity=Severity.MEDIUM)


def decoy(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D13."""
    title = shown.ae(seen.request.called)
    if registry.decoy is None or title != registry.decoy:
        return None
    evidence = f"called {shown.title(seen.request.called)} as {shown.title(seen.request.calling)}"
    return Finding(DECOY, evidence, seen.flow, shown.request(seen.request))


def decoy_port(seen: Touched, registry: Registry) -> Finding:
    """D13."""
    about = (seen.source,)
    return Finding(DECOY, f"tried port {seen.port}", about=about, source=seen.source, target=seen.target)


RULES = {
    AssociationRequested: (unknown_calling, unknown_called, wrong_address, decoy),
    Touched: (decoy_port,),
    Changed: (second_place,),
    Blind: (joined_midway,),
}
