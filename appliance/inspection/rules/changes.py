"""What is not as the inventory had learned it: D10, D14, D32, D34, D36, D37."""

from __future__ import annotations

from appliance.inspection.developments import Change, Changed, Kind, Recurring
from appliance.inspection.link_observations import HostAppeared
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

SOFTWARE = Rule(
    "D10",
    Severity.MEDIUM,
    "a known device runs other software",
    "Ask whether the device was updated. If nobody did that, another machine uses its name and address.",
    "impersonation",
    ("T1036",),
    "110131",
)
HOST = Rule(
    "D14",
    Severity.LOW,
    "a new host on the VLAN",
    "Find out what was connected, and by whom.",
    "new device",
    ("T1200",),
)
SYNTAX = Rule(
    "D32",
    Severity.LOW,
    "a device sends a compression that it never used",
    "Ask whether its settings were changed. Decoders of rare compressions are where receivers break.",
    "unusual behaviour",
    ("T1190",),
    "110132",
)
SURGE = Rule(
    "D34",
    Severity.LOW,
    "a device stores far more than it ever did",
    "Ask whether a migration is running. If not, look at what is sent, and why.",
    "unusual behaviour",
    ("T1020",),
    "110132",
)
PAIR = Rule(
    "D36",
    Severity.LOW,
    "two machines that never talked DICOM do",
    "Ask who connected them. `appliance inventory` shows who talks to whom.",
    "unusual behaviour",
    ("T1021",),
)
FAILED = Rule(
    "D37",
    Severity.LOW,
    "many instances are not stored",
    "Look at the server's log: its disk may be full, or somebody sends what it does not take.",
    "unusual behaviour",
    ("T1499",),
    "110132",
)
_RULES = {
    Change.SOFTWARE: (SOFTWARE, "its implementation was {before} and is {after}"),
    Change.TLS_STACK: (SOFTWARE, "its TLS stack was {before} and is {after} (JA4)"),
    Change.TCP_STACK: (SOFTWARE, "its system's TCP was {before} and is {after}"),
    Change.SYNTAX: (SYNTAX, "transfer syntax {after}"),
    Change.SURGE: (SURGE, "{after}, {before}"),
    Change.PAIR: (PAIR, "{after}"),
}


def changed(seen: Changed, registry: Registry) -> Finding | None:
    """D10, D32, D34, D36."""
    if seen.change not in _RULES:
        return None
    rule, words = _RULES[seen.change]
    return Finding(rule, words.format(before=seen.before, after=seen.after), seen.flow)


def appeared(seen: HostAppeared, registry: Registry) -> Finding:
    """D14."""
    about = (seen.mac,)
    return Finding(HOST, f"{seen.mac} has {seen.address}", about=about, source=seen.address, mac=seen.mac, proto="ARP")


def failed(seen: Recurring, registry: Registry) -> Finding | None:
    """D37."""
    if seen.kind is not Kind.FAILED_STORES:
        return None
    return Finding(FAILED, f"{seen.count} {seen.kind.value} within ten minutes", seen.flow)


RULES = {Changed: (changed,), HostAppeared: (appeared,), Recurring: (failed,)}
