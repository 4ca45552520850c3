"""Watches who announces which address, who hands addresses out, and what VLAN tags and switches say. Bounded.

Decoders are scapy's: an exception of theirs is counted and costs one frame, and so many frames a second are decoded at
most, so that a flood of them costs little.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

from appliance.base import limits
from appliance.config.values import Address
from appliance.inspection.counts import Counts
from appliance.inspection.flow import endpoints
from appliance.inspection.frames import Buffer
from appliance.inspection.link_decoders import Announcement, Neighbouring, Offer, Said, Tree, Trunking, decode
from appliance.inspection.link_observations import (
    AddressMoved,
    AnnouncementFlood,
    ConfigurationOffered,
    ForeignVlan,
    ForgedAnnouncement,
    MacFlood,
    SwitchPresent,
    SwitchTalk,
)
from appliance.inspection.observations import Touched
from appliance.inspection.registry import Registry
from appliance.inspection.statistics import Statistics

_VIRTUAL = ("00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "00:00:0c:9f:f")  # VRRP (RFC 9568), HSRP
_ASKED = 10.0  # seconds in which an answer to a question is expected
_GIVEN = 600.0  # seconds in which an address may move to whom a DHCP server gave it
_CONTEST = 60.0  # seconds in which who lost an address may say that it has it still
_WINDOW = 60.0

_NONE = ipaddress.IPv4Address(0)


class LinkWatch:
    """What was announced lately."""

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics
        self._neighbours: OrderedDict[Address, tuple[str, float]] = OrderedDict()  # and when it said so
        self._lost: OrderedDict[Address, tuple[str, float]] = OrderedDict()  # who had an address until it moved
        self._questions: OrderedDict[Address, float] = OrderedDict()  # who was asked for lately
        self._given: OrderedDict[tuple[Address, str], float] = OrderedDict()
        self._root = ""
        self._often = Counts(_WINDOW, limits.SENSOR_ANNOUNCED.default)
        self.macs: set[bytes] = set()  # that sent something lately; the engine's fast path reads it
        self._since = 0.0
        self._began: float | None = None
        self._second = 0.0
        self._decoded = 0
        self.announced: list[tuple[str, Address, float]] = []  # for the engine to take

    def frame(self, frame: Buffer, now: float) -> Iterator[object]:
        """A frame without TCP. Gives observations; never raises."""
        if not 0 <= now - self._second < 1.0:
            self._second, self._decoded = now, 0
        if self._decoded >= limits.SENSOR_DECODES.default:
            self._statistics.undecoded += 1
            return
        try:
            said = decode(frame)
        except Exception:  # noqa: BLE001 - a decoder's fault is a frame's, not the sensor's
            self._statistics.undecodable += 1
            return
        if said is not None:
            self._decoded += 1
            self._statistics.link_frames += 1
            yield from self._said(said, now)

    def source(self, mac: bytes, now: float) -> Iterator[object]:
        """An Ethernet address sent something other than a segment of a flow that is known."""
        if not 0 <= now - self._since < _WINDOW:
            self._since = now
            self.macs.clear()
        if len(self.macs) <= limits.SENSOR_MACS.default and mac not in self.macs:
            self.macs.add(mac)
            if len(self.macs) == limits.SENSOR_MACS.default:
                yield MacFlood(len(self.macs))

    def tags(self, mac: str, vlans: tuple[int, ...], registry: Registry) -> Iterator[object]:
        """The VLAN tags of a new flow, or of an announcement."""
        strange = [vlan for vlan in vlans if vlan and vlan not in registry.vlans]
        if registry.vlans and strange:
            yield ForeignVlan(mac, vlans, f"VLAN {strange[0]} is not one of those that are expected")

    def opening(
        self, key: bytes, mac: bytes, vlans: tuple[int, ...], registry: Registry, now: float
    ) -> Iterator[object]:
        """A connection is asked for, with the flow key of its SYN."""
        yield from self.source(mac, now)
        if vlans and registry.vlans:
            yield from self.tags(mac.hex(":"), vlans, registry)
        yield from self.decoy(key, registry)

    @staticmethod
    def decoy(key: bytes, registry: Registry) -> Iterator[object]:
        """A segment that belongs to no connection, whatever its flags are; is it for the decoy's port?"""
        if registry.decoy_port is not None and key[-2:] == registry.decoy_port.to_bytes(2, "big"):
            client, _, target, port = endpoints(key)
            if registry.own is None or target in registry.own:
                yield Touched(client, target, port)

    def _said(self, said: Said, now: float) -> Iterator[object]:
        if isinstance(said, Announcement):
            yield from self._announced(said, now)
        elif isinstance(said, Offer):
            if said.given is not None:
                _remember(self._given, said.given, now)
            yield ConfigurationOffered(said.server, said.mac, said.how)
        elif isinstance(said, Neighbouring):
            yield SwitchPresent(said.mac, said.how)
        elif isinstance(said, Trunking):
            yield SwitchTalk(said.mac, "asks for a trunk (DTP)")
        elif isinstance(said, Tree):
            if self._root not in ("", said.root):
                yield SwitchTalk(said.mac, "names another root of the spanning tree")
            self._root = said.root

    def _announced(self, said: Announcement, now: float) -> Iterator[object]:
        if said.sender != said.source and not said.source.startswith(_VIRTUAL) and not said.sender.startswith(_VIRTUAL):
            what = f"its Ethernet source is {said.source}, what it announces is {said.sender}"
            yield ForgedAnnouncement(said.address, said.source, what)
        began = self._began = now if self._began is None else min(self._began, now)
        gratuitous = said.target is None or said.target == said.address
        if (gratuitous or said.is_reply) and (often := self._often.add((said.sender, said.address), now)):
            yield AnnouncementFlood(said.address, said.source, often)
        if said.how == "ARP" and not said.is_reply and said.target is not None and not gratuitous:
            _remember(self._questions, said.target, now)
        if said.address == _NONE:  # a probe (RFC 5227 2.1.1): it has no address yet
            return
        before, since = self._neighbours.get(said.address, ("", now))
        _remember(self._neighbours, said.address, (said.sender, now))
        self.announced.append((said.sender, said.address, now))
        if before and before != said.sender:
            given = self._given.get((said.address, said.sender))
            moves_by_right = given is not None and 0 <= now - given < _GIVEN
            if not moves_by_right and not said.sender.startswith(_VIRTUAL):
                loser, when = self._lost.get(said.address, ("", now))
                contested = loser == said.sender and 0 <= now - when < _CONTEST
                _remember(self._lost, said.address, (before, now))
                yield AddressMoved(said.address, before, said.sender, said.how, max(0.0, now - since), contested)
        elif said.how == "ARP" and said.is_reply and not gratuitous:
            asked = self._questions.get(said.address)
            if now - began > _ASKED and (asked is None or not 0 <= now - asked < _ASKED):
                yield ForgedAnnouncement(said.address, said.source, "an answer that nobody had asked for")


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _remember(table: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > limits.SENSOR_NEIGHBOURS.default:
        table.popitem(last=False)
