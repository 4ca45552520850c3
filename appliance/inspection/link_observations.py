"""What was seen below TCP: the words in which link_watch.py speaks to rules. Facts, no judgement.

Ethernet addresses are texts like "02:00:00:00:00:01".
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.config.values import Address


@dataclass(frozen=True, slots=True)
class AddressMoved:
    """An IP address is announced by another Ethernet address than before, and no DHCP server had given it there.

    `quiet` is for how many seconds the former one had not announced it. `contested`: who had lost it to the other a
    moment ago announces it again, so both have it.
    """

    address: Address
    before: str
    after: str
    how: str  # "ARP" or "neighbour discovery"
    quiet: float = 0.0
    contested: bool = False


@dataclass(frozen=True, slots=True)
class ForgedAnnouncement:
    """An ARP packet that no honest host sends. `what` is ours."""

    address: Address
    mac: str
    what: str


@dataclass(frozen=True, slots=True)
class AnnouncementFlood:
    """One Ethernet address announced one IP address so often within a minute, asked or not."""

    address: Address
    mac: str
    count: int


@dataclass(frozen=True, slots=True)
class ConfigurationOffered:
    """Somebody hands out addresses or says that it is a router."""

    server: Address
    mac: str
    how: str


@dataclass(frozen=True, slots=True)
class OfferedAnew:
    """Somebody does so who never did. `others` are those who did before; `learned`: there was time to see them all."""

    server: Address
    mac: str
    how: str
    others: tuple[str, ...]
    learned: bool


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
class SwitchPresent:
    """A frame in which its sender says what it is, as switches and some hosts do all day. `how` is "LLDP" or "CDP"."""

    mac: str
    how: str


@dataclass(frozen=True, slots=True)
class SwitchAppeared:
    """Somebody does so who never did, after the inventory had time to learn."""

    mac: str
    how: str


@dataclass(frozen=True, slots=True)
class MacFlood:
    """So many Ethernet addresses opened connections or announced themselves within a minute."""

    count: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A mirror that shows nothing, or nothing of others. `what` is ours."""

    what: str
