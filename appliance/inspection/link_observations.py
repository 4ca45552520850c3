"""What was seen below TCP: the words in which link_watch.py speaks to rules. Facts, no judgement.

Ethernet addresses are texts like "02:00:00:00:00:01".
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.config.values import Address


@dataclass(frozen=True, slots=True)
class AddressMoved:
    """An IP address is announced by another Ethernet address than before, and no DHCP server had given it there."""

    address: Address
    before: str
    after: str
    how: str  # "ARP" or "neighbour discovery"


@dataclass(frozen=True, slots=True)
class ForgedAnnouncement:
    """An ARP packet that no honest host sends. `what` is ours."""

    address: Address
    mac: str
    what: str


@dataclass(frozen=True, slots=True)
class ConfigurationOffered:
    """Somebody hands out addresses or says that it is a router. `known` is who did so first, where nobody is named."""

    server: Address
    mac: str
    how: str
    known: Address | None


@dataclass(frozen=True, slots=True)
class HostAppeared:
    """An Ethernet address announced an IP address for the first time, after the inventory had time to learn."""

    mac: str
    address: Address


@dataclass(frozen=True, slots=True)
class ForeignVlan:
    """A frame carries VLAN tags that it should not."""

    mac: str
    vlans: tuple[int, ...]
    what: str


@dataclass(frozen=True, slots=True)
class SwitchTalk:
    """A frame of the kind that only switches have a reason to send. `what` is ours."""

    mac: str
    what: str


@dataclass(frozen=True, slots=True)
class MacFlood:
    """So many Ethernet addresses opened connections or announced themselves within a minute."""

    count: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A mirror that shows nothing, or nothing of others. `what` is ours."""

    what: str
