"""Below IP: D38, D39, D41, D42."""

from __future__ import annotations

from appliance.inspection.link_observations import (
    AddressMoved,
    AnnouncementFlood,
    ConfigurationOffered,
    ForeignVlan,
    ForgedAnnouncement,
    MacFlood,
    OfferedAnew,
    SwitchAppeared,
    SwitchTalk,
)
from appliance.inspection.registered import within
from appliance.inspection.registry import Registry
from appliance.inspection.rules.rule import Finding, Rule, Severity

SPOOFING = Rule(
    "D38",
    Severity.HIGH,
    "an address is announced by somebody else",
    "Find the Ethernet address at the switch. Two devices may have one address, or one listens between two others. "
    "Addresses that a cluster moves belong into moving.",
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
_FORGOTTEN = 600.0  # seconds: a host that lives announces its address more often


def moved(seen: AddressMoved, registry: Registry) -> Finding:
    """D38. Of what the registry names it is worse. What a cluster moves, and a lease that ran out, are for information,
    unless both announce the address.
    """
    evidence = f"{seen.address} was at {seen.before}, now {seen.after} announces it ({seen.how})"
    severity: Severity | None = Severity.MEDIUM
    if registry.is_registered(seen.address):
        severity = Severity.LOW if within(seen.address, registry.moving) and not seen.contested else None
    elif seen.quiet > _FORGOTTEN and not seen.contested:
        severity = Severity.LOW
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
    """D39, where it is known who may."""
    if not registry.dhcp_servers or within(seen.server, registry.dhcp_servers):
        return None
    return _offer(seen, "it is not named in dhcp_servers", None)


def offered_anew(seen: OfferedAnew, registry: Registry) -> Finding | None:
    """D39, where it is not: whoever is new a day after the sensor began; before that, a second one for information."""
    if registry.dhcp_servers or not (seen.learned or seen.others):
        return None
    why = f"until now {' and '.join(seen.others)} did so" if seen.others else "nobody did so until now"
    return _offer(seen, why, Severity.MEDIUM if seen.learned else Severity.LOW)


def _offer(seen: ConfigurationOffered | OfferedAnew, why: str, severity: Severity | None) -> Finding:
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


def appeared(seen: SwitchAppeared, registry: Registry) -> Finding:
    """D41, for information: many devices do that, but not of a sudden."""
    evidence = f"{seen.mac} introduces itself as switches do ({seen.how}), and never did"
    return Finding(SWITCH, evidence, about=(seen.mac, seen.how), severity=Severity.LOW, mac=seen.mac)


def announcements(seen: AnnouncementFlood, registry: Registry) -> Finding:
    """D38: who keeps a lie alive has to repeat it."""
    evidence = f"{seen.address} was announced {seen.count} times within a minute"
    about = (seen.address, seen.mac)
    severity = Severity.MEDIUM
    return Finding(SPOOFING, evidence, about=about, severity=severity, source=seen.address, mac=seen.mac, proto="ARP")


def flood(seen: MacFlood, registry: Registry) -> Finding:
    """D42."""
    return Finding(FLOOD, f"{seen.count} Ethernet addresses within a minute", about=("flood",))


RULES = {
    AddressMoved: (moved,),
    ForgedAnnouncement: (forged,),
    ConfigurationOffered: (offered,),
    OfferedAnew: (offered_anew,),
    ForeignVlan: (foreign_vlan,),
    SwitchTalk: (switch_talk,),
    MacFlood: (flood,),
    SwitchAppeared: (appeared,),
    AnnouncementFlood: (announcements,),
}
