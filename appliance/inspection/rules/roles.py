"""What a device may ask for, and when: D06, D07, D33, D35."""

from __future__ import annotations

import re

from appliance.base.text import wash
from appliance.inspection.command_set import C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE, MOVE_UNKNOWN, Command
from appliance.inspection.developments import Change, Changed, Kind, Recurring
from appliance.inspection.flow import endpoints
from appliance.inspection.observations import AssociationRequested, CommandSeen, DataSetBegan
from appliance.inspection.registry import Registry
from appliance.inspection.rules import shown
from appliance.inspection.rules.rule import Finding, Rule, Severity

ROLE = Rule(
    "D06",
    Severity.HIGH,
    "a device asks for what it may not",
    "Ask what the device was used for. If it needs the service, add it to its entry; if not, somebody misuses it.",
    "restricted function",
    ("T1213",),
    "110132",
)
DESTINATION = Rule(
    "D07",
    Severity.HIGH,
    "images are to be moved to an unregistered AE title",
    "Find out who owns the AE title. If it belongs here, register it; if not, images were about to leave.",
    "exfiltration",
    ("T1020", "T1048"),
    "110132",
)
SOP_CLASS = Rule(
    "D33",
    Severity.MEDIUM,
    "a device sends what is not its own kind of object",
    "Look at what the device sent. A new application on it belongs into sop_classes of its entry.",
    "restricted function",
    ("T1078",),
    "110132",
)
# Query/retrieve classes by their last component (PS3.4 C.6, PS3.6 annex A).
_QUERY_RETRIEVE = re.compile(rb"1\.2\.840\.10008\.5\.1\.4\.1\.2\.[0-9]\.([123])")
_RETRIEVES = {b"1": "find", b"2": "move", b"3": "get"}
_SERVICES = {C_ECHO: "echo", C_STORE: "store", C_FIND: "find", C_GET: "get", C_MOVE: "move"}
_WORKLIST, _COMMITMENT = b"1.2.840.10008.5.1.4.31", b"1.2.840.10008.1.20.1"
_MPPS, _PRINT = b"1.2.840.10008.3.1.2.3.", b"1.2.840.10008.5.1.1."
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# The modality that an instance of a class has; classes of several modalities are left out (PS3.3 C.7.3.1.1.1).
_MODALITIES = {
    _STORAGE + "1": ("CR",),
    _STORAGE + "1.1": ("DX",),
    _STORAGE + "1.2": ("MG",),
    _STORAGE + "2": ("CT",),
    _STORAGE + "2.1": ("CT",),
    _STORAGE + "4": ("MR",),
    _STORAGE + "4.1": ("MR",),
    _STORAGE + "6.1": ("US", "IVUS"),
    _STORAGE + "3.1": ("US", "IVUS"),
    _STORAGE + "20": ("NM",),
    _STORAGE + "128": ("PT",),
    _STORAGE + "12.1": ("XA",),
    _STORAGE + "481.5": ("RTPLAN",),
    _STORAGE + "481.3": ("RTSTRUCT",),
    _STORAGE + "481.2": ("RTDOSE",),
    _STORAGE + "66.4": ("SEG",),
}


def service(command: Command) -> str:
    """The service of a request, as `asks` and `services` call it."""
    sop_class = command.sop_class.rstrip(b"\0 ")
    if sop_class == _WORKLIST:
        return "worklist"
    if sop_class == _COMMITMENT:
        return "commit"
    if sop_class.startswith(_MPPS):
        return "mpps"
    if sop_class.startswith(_PRINT):
        return "print"
    return _SERVICES.get(command.command_field or 0, "other")


def role(seen: CommandSeen, registry: Registry) -> Finding | None:
    """D06."""
    command = seen.command
    if not seen.from_client or seen.request is None or command.is_response or command.command_field in (None, 0x0FFF):
        return None
    allowed = registry.rights(seen.flow.key, seen.request.calling).asks
    if not allowed or service(command) in allowed:
        return None
    evidence = (
        f"{shown.title(seen.request.calling)} asks for {command.name}; its entry has {', '.join(sorted(allowed))}"
    )
    return Finding(
        ROLE, evidence, seen.flow, {"command": command.name, "sop_class": shown.sop_class(command.sop_class)}
    )


def proposal(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D06, for information: many devices propose on every association all that they can, and never ask for it."""
    allowed = registry.rights(seen.flow.key, seen.request.calling).asks
    if not allowed:
        return None
    classes = [_QUERY_RETRIEVE.fullmatch(each.abstract_syntax.rstrip(b"\0 ")) for each in seen.request.contexts]
    more = {_RETRIEVES[each[1]] for each in classes if each} - set(allowed)
    if not more:
        return None
    title = shown.title(seen.request.calling)
    evidence = f"{title} proposes {', '.join(sorted(more))}; its entry has {', '.join(sorted(allowed))}"
    client, _, server, _ = endpoints(seen.flow.key)
    about = (client, server, title, "proposes")
    return Finding(ROLE, evidence, seen.flow, shown.request(seen.request), about, severity=Severity.LOW)


def destination(seen: CommandSeen, registry: Registry) -> Finding | None:
    """D07."""
    command = seen.command
    if command.command_field == C_MOVE | 0x8000 and command.status == MOVE_UNKNOWN:
        evidence = "a server does not know the AE title to which images were to be moved (status A801H)"
        return Finding(DESTINATION, evidence, seen.flow, severity=Severity.LOW)
    if command.command_field != C_MOVE or registry.knows_title(shown.ae(command.move_destination)):
        return None
    evidence = f"C-MOVE-RQ to {shown.title(command.move_destination)}"
    return Finding(DESTINATION, evidence, seen.flow, {"move_dest": wash(command.move_destination.strip(b" \0"))})


def destinations(seen: Recurring, registry: Registry) -> Finding | None:
    """D07: one is a setting that is wrong, many are tries."""
    if seen.kind is not Kind.MOVES_UNKNOWN:
        return None
    about = (seen.source, seen.kind)
    return Finding(DESTINATION, f"{seen.count} {seen.kind.value} within a minute", seen.flow, about=about)


def sop_class(seen: CommandSeen, registry: Registry) -> Finding | None:
    """D33, by the classes of the entry."""
    command = seen.command
    if command.command_field != C_STORE or seen.request is None or not seen.from_client:
        return None
    allowed = registry.rights(seen.flow.key, seen.request.calling).classes
    if not allowed:
        return None
    named = command.sop_class.rstrip(b"\0 ").decode("ascii", "replace")
    if named in allowed:
        return None
    evidence = f"{shown.title(seen.request.calling)} stores {shown.sop_class(command.sop_class)}, which its entry lacks"
    return Finding(SOP_CLASS, evidence, seen.flow, {"sop_class": shown.sop_class(command.sop_class)})


def modality(seen: DataSetBegan, registry: Registry) -> Finding | None:
    """D33, by the data set itself."""
    if seen.command.command_field != C_STORE or not seen.head.modality:
        return None
    named = shown.sop_class(seen.command.sop_class)
    expected = _MODALITIES.get(named)
    if expected is None or seen.head.modality in expected:
        return None
    evidence = f"an object of the class of {expected[0]} says that its modality is {seen.head.modality}"
    return Finding(SOP_CLASS, evidence, seen.flow, {"sop_class": named}, severity=Severity.LOW)


HOURS = Rule(
    "D35",
    Severity.LOW,
    "a device associates outside of its hours",
    "Ask whether somebody worked at that time. If it is usual, widen hours of its entry.",
    "unusual behaviour",
    ("T1078",),
    "110126",
)


def hours(seen: AssociationRequested, registry: Registry) -> Finding | None:
    """D35."""
    client, _, _, _ = endpoints(seen.flow.key)
    title = shown.ae(seen.request.calling)
    limits = [peer.hours for peer in registry.peers_at(client) if title in peer.ae_titles and peer.hours]
    now = registry.time_of_day(seen.flow.client.last)
    if not limits or now is None or any(each.include(now) for each in limits):
        return None
    evidence = f"{shown.title(seen.request.calling)} at {now:%H:%M}, its hours are {limits[0]}"
    return Finding(HOURS, evidence, seen.flow, shown.request(seen.request))


def unusual_hour(seen: Changed, registry: Registry) -> Finding | None:
    """D35, learned, where the entry has no hours."""
    if seen.change is not Change.HOUR:
        return None
    client, _, _, _ = endpoints(seen.flow.key)
    if any(peer.hours for peer in registry.peers_at(client) if seen.title in peer.ae_titles):
        return None
    return Finding(HOURS, f"at {seen.after}, as on none of {seen.before} before", seen.flow)


RULES = {
    AssociationRequested: (proposal, hours),
    CommandSeen: (role, destination, sop_class),
    DataSetBegan: (modality,),
    Recurring: (destinations,),
    Changed: (unusual_hour,),
}
