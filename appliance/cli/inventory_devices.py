"""What each device that calls runs, as the sensor saw it: the rows of an asset inventory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.inspection.inventory_entries import Device, Talk
from appliance.inspection.tcp_stack import looks_like


@dataclass(frozen=True, slots=True)
class Asset:
    """One AE title at one address; without a title, what speaks TLS from there. Texts are the network's, washed.

    `software` is the implementation version name (PS3.7 D.3.3.2), `system` what its TCP looks like. Times are seconds
    since the epoch.
    """

    title: str
    address: str
    software: str
    system: str
    macs: tuple[str, ...]
    first: float
    last: float


def assets(devices: Iterable[Device], talks: Iterable[Talk]) -> list[Asset]:
    """By address, then by title."""
    software = {
        (each.client, each.calling): each.implementation
        for each in sorted(talks, key=lambda talk: talk.last)
        if each.implementation
    }
    found = [
        Asset(
            each.calling,
            each.client,
            software.get(each.key, "") if each.calling else "TLS hides it",
            looks_like(each.stacks[-1]) if each.stacks else "",
            tuple(each.macs),
            each.first,
            each.last,
        )
        for each in devices
    ]
    return sorted(found, key=lambda each: (each.address, each.title))
