"""What an admin might add to the configuration, by what was seen: the least that would do. Pure; no patient data.

A device that calls us, or only calls, becomes a [[peer]] that is not accepted yet. A machine that answers, and is not
ours or a destination, becomes a [[sensor.server]], for the sensor alone. Where TLS hides the AE titles nothing can be
proposed.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

from appliance.base.errors import ConfigError
from appliance.base.names import ae_title
from appliance.inspection.inventory import Inventory
from appliance.inspection.inventory_entries import Talk
from appliance.inspection.moment import moment
from appliance.inspection.registry import Calling, Registry

_PEER_SERVICES = {"C-ECHO": "echo", "C-STORE": "store", "N-ACTION": "commit"}
_MOST_CLASSES = 8
_MOST_PROPOSALS = 500


@dataclass(frozen=True, slots=True)
class Proposal:
    """An entry of the file: the array of tables it belongs to, its keys, and why, in lines of text."""

    section: str
    keys: dict[str, Any]
    evidence: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    addresses: set[str] = field(default_factory=set)
    talks: list[Talk] = field(default_factory=list)


def propose(inventory: Inventory, registry: Registry) -> tuple[list[Proposal], list[str]]:
    """The proposals, and remarks about what could not be proposed."""
    talks = [each for each in inventory.talks if each.accepted]
    remarks = _hidden(talks, registry)
    answering: dict[tuple[str, str], _Seen] = {}  # by address and title
    calling: dict[str, _Seen] = {}
    for talk in talks:
        if talk.tls or not _is_title(talk.calling) or not _is_title(talk.called):
            continue
        server, client = ipaddress.ip_address(talk.server), ipaddress.ip_address(talk.client)
        if registry.server(server, talk.port) is None:
            _add(answering.setdefault((talk.server, talk.called), _Seen()), talk.server, talk)
        if registry.calling(talk.calling, client, registry.server(server, talk.port)) is not Calling.KNOWN:
            _add(calling.setdefault(talk.calling, _Seen()), talk.client, talk)
    servers = {address for address, _ in answering}
    proposals = [_server(each, answering, talks, registry) for each in sorted(servers, key=ipaddress.ip_address)]
    for title, seen in sorted(calling.items()):
        ours = [each for each in seen.talks if _is_ours(each, registry)]
        rest = (seen.addresses - servers) | {each.client for each in ours}
        if rest:
            proposals.append(_peer(title, sorted(rest), seen.talks, ours, registry))
    if len(proposals) > _MOST_PROPOSALS:
        remarks.append(f"{len(proposals) - _MOST_PROPOSALS} more were left out.")
    return proposals[:_MOST_PROPOSALS], remarks


def _add(seen: _Seen, address: str, talk: Talk) -> None:
    seen.addresses.add(address)
    seen.talks.append(talk)


def _is_ours(talk: Talk, registry: Registry) -> bool:
    server = registry.server(ipaddress.ip_address(talk.server), talk.port)
    return server is not None and server.own


def _peer(title: str, addresses: list[str], talks: list[Talk], ours: list[Talk], registry: Registry) -> Proposal:
    """`ours` are those of the talks with us, which alone say what it needs of us."""
    used = {each for talk in ours or talks for each in talk.services}
    services = sorted({_PEER_SERVICES[each] for each in used if each in _PEER_SERVICES})
    classes = sorted({each for talk in talks if "C-STORE" in talk.services for each in talk.sop_classes})
    stored = [each for each in classes if each.startswith("1.2.840.10008.5.1.4.1.1.")]
    keys: dict[str, Any] = {
        "name": _name(f"{title} (seen)"),
        "accept": False,
        "ae_titles": [title],
        "addresses": addresses,
        "tls": "never",
        "services": services or ["echo"],
    }
    if 0 < len(stored) <= _MOST_CLASSES:
        keys["sop_classes"] = stored
    keys["calls"] = _called(talks, registry)
    evidence = _evidence(talks)
    more = sorted({each for talk in ours for each in talk.services if each not in _PEER_SERVICES})
    if more:
        evidence.append(f"it also used {', '.join(more)}, which this appliance does not offer")
    evidence.append('it spoke in clear; tls = "required" once it can do better')
    return Proposal("peer", keys, tuple(evidence))


def _server(address: str, answering: dict[tuple[str, str], _Seen], talks: list[Talk], registry: Registry) -> Proposal:
    mine = [(title, seen) for (at, title), seen in sorted(answering.items()) if at == address]
    asked = [talk for _, seen in mine for talk in seen.talks]
    own_calls = [talk for talk in talks if talk.client == address and not talk.tls and _is_title(talk.calling)]
    titles = sorted({title for title, _ in mine} | {talk.calling for talk in own_calls})
    asks = sorted({each for talk in own_calls for each in talk.asks})
    keys: dict[str, Any] = {
        "name": _name(f"{mine[0][0]} ({address})"),
        "addresses": [address],
        "ae_titles": titles,
        "ports": sorted({talk.port for talk in asked}),
        "tls": "never",
    }
    if asks:
        keys["asks"] = asks
    keys["calls"] = _called(own_calls, registry)
    return Proposal("sensor.server", keys, tuple(_evidence(asked)))


def _called(talks: list[Talk], registry: Registry) -> list[str]:
    """The titles of the servers, other than us, that were called."""
    return sorted({talk.called for talk in talks if not _is_ours(talk, registry)})


def _evidence(talks: list[Talk]) -> list[str]:
    lines = []
    for talk in sorted(talks, key=lambda each: (each.server, each.port, each.called, each.client))[:8]:
        used = ", ".join(talk.services) or "nothing"
        times = f"{talk.accepted} association{'s' * (talk.accepted != 1)}"
        lines.append(
            f"{talk.calling} at {talk.client} to {talk.called} at {talk.server} port {talk.port}: "
            f"{times}, {_day(talk.first)} to {_day(talk.last)}, used {used}"
        )
    if len(talks) > 8:
        lines.append(f"and {len(talks) - 8} more")
    return lines


def _hidden(talks: list[Talk], registry: Registry) -> list[str]:
    """Pairs of which TLS hides the names, and that no entry covers."""
    found = []
    for talk in talks:
        server, client = ipaddress.ip_address(talk.server), ipaddress.ip_address(talk.client)
        if talk.tls and ((there := registry.server(server, talk.port)) is None or registry.over_tls(client, there)):
            where = f"{talk.client} to {talk.server} port {talk.port}"
            found.append(f"{where} speaks {talk.tls_version or 'TLS'}, so its AE titles cannot be seen.")
    return sorted(set(found))[:100]


def _name(text: str) -> str:
    """As the name of an entry may be written."""
    return re.sub(r"[^A-Za-z0-9_ .()/+-]", "-", text)


def _is_title(text: str) -> bool:
    try:
        return ae_title(text) == text
    except ConfigError:
        return False


def _day(seconds: float) -> str:
    return moment(seconds).strftime("%Y-%m-%d")
