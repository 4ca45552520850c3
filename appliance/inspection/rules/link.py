"""Below IP: D38, D39, D41, D42."""

from __future__ import annotations

from appliance.inspection.link_observations import (
    AddressMoved,
    ConfigurationOffered,
    ForeignVlan,
    ForgedAnnouncement,
    MacFlood,
    SwitchTalk,
)
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

SPOOFING = Rule(
    "D38",
    Severity.HIGH,
    "an address is announced by somebody else",
    "Find the Ethernet address at the switch. Two devices may have one address, or one listens between two others.",
    "man in the middle",
    ("T1557.002",),
)
OFFER = Rule(
    "D39",
    Severity.HIGH,
    "somebody who should not hands out addresses or routes",
    "Find the Ethernet address at the switch and take it off. If it is your server, name it in dhcp_servers.",
    "man in the middle",
    ("T1557.003",),
)
SWITCH = Rule(
    "D41",
    Severity.MEDIUM,
    "frames of another VLAN, or that only switches send",
    "Check the switch port: an access port takes neither tags nor the protocols of switches.",
    "network configuration",
    ("T1599",),
)
FLOOD = Rule(
    "D42",
    Severity.HIGH,
    "a flood of Ethernet addresses",
    "A switch whose table is full sends everything everywhere. Find the port, and limit its addresses at the switch.",
    "network configuration",
    ("T1040",),
)


def moved(seen: AddressMoved, registry: Registry) -> Finding:
    """D38. Of what the registry names it is worse."""
    evidence = f"{seen.address} was at {seen.before}, now {seen.after} announces it ({seen.how})"
    severity = None if registry.is_registered(seen.address) else Severity.MEDIUM
    about = (seen.address,)
    return Finding(SPOOFING, evidence, about=about, severity=severity, source=seen.address, mac=seen.after, proto="ARP")


def forged(seen: ForgedAnnouncement, registry: Registry) -> Finding:
    """D38."""
    evidence = f"{seen.address}: {seen.what}"
    about = (seen.mac, seen.what)
    return Finding(
        SPOOFING, evidence, about=about, severity=Severity.LOW, source=seen.address, mac=seen.mac, proto="ARP"
    )


def offered(seen: ConfigurationOffered, registry: Registry) -> Finding | None:
    """D39."""
    if registry.dhcp_servers:
        if any(seen.server in each for each in registry.dhcp_servers):
            return None
        why, severity = "it is not named in dhcp_servers", None
    elif seen.known in (None, seen.server):
        return None
    else:
        why, severity = f"{seen.known} did so first", Severity.MEDIUM
    evidence = f"{seen.server} ({seen.mac}): {seen.how}; {why}"
    about = (seen.server, seen.how)
    return Finding(OFFER, evidence, about=about, severity=severity, source=seen.server, mac=seen.mac, proto="UDP")


def foreign_vlan(seen: ForeignVlan, registry: Registry) -> Finding:
    """D41."""
    tags = ", ".join(map(str, seen.vlans))
    return Finding(SWITCH, f"tags {tags}: {seen.what}", about=(seen.mac, seen.vlans), mac=seen.mac)


def switch_talk(seen: SwitchTalk, registry: Registry) -> Finding:
    """D41."""
    return Finding(SWITCH, f"{seen.mac} {seen.what}", about=(seen.mac, seen.what), mac=seen.mac)


def flood(seen: MacFlood, registry: Registry) -> Finding:
    """D42."""
    return Finding(FLOOD, f"{seen.count} Ethernet addresses within a minute", about=("flood",))


RULES = {
    AddressMoved: (moved,),
    ForgedAnnouncement: (forged,),
    ConfigurationOffered: (offered,),
    ForeignVlan: (foreign_vlan,),
    SwitchTalk: (switch_talk,),
    MacFlood: (flood,),
}
