"""Who must stay reachable, whatever the sensor saw: our peers and destinations, this box, its routers, name servers and
time servers, and what root's own file adds.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.capture.surroundings import named_hosts, own_addresses, resolve
from appliance.config.destinations import DimseDestination
from appliance.config.model import Config
from appliance.config.respond_policy import RespondPolicy
from appliance.config.values import Address, HostPort
from appliance.inspection.blocking import Bounds, Never

_ROUTES4 = Path("/proc/self/net/route")
_ROUTES6 = Path("/proc/self/net/ipv6_route")
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_CLOCKS = (
    Path("/etc/systemd/timesyncd.conf"),
    Path("/etc/chrony/chrony.conf"),
    Path("/etc/ntpsec/ntp.conf"),
    Path("/etc/ntp.conf"),
)
_CLOCK_LINE = re.compile(r"(?:(?:server|pool|peer)\s+(\S+)|(?:Fallback)?NTP\s*=\s*(.*))", re.IGNORECASE)
_GATEWAY = 2  # RTF_GATEWAY


@dataclass(frozen=True, slots=True)
class Places:
    """Where this box says who its neighbours are."""

    routes4: Path = _ROUTES4
    routes6: Path = _ROUTES6
    resolvers: tuple[Path, ...] = _RESOLVERS
    clocks: tuple[Path, ...] = _CLOCKS


def bounds(config: Config, policy: RespondPolicy, places: Places = Places()) -> Bounds:
    """What may be done at most, now. Asks the resolver, which may take its time."""
    hosts = named_hosts(config)
    found = {name: frozenset(addresses) for name, addresses in policy.hosts.items()}
    found |= resolve(hosts - found.keys())
    return Bounds(
        int(policy.longest),
        policy.most_blocks,
        tuple(_never(config, policy, found, places)),
        tuple(sorted(hosts - found.keys())),
    )


def _never(
    config: Config, policy: RespondPolicy, found: dict[str, frozenset[Address]], places: Places
) -> Iterator[Never]:
    for network in policy.never:
        yield Never(network, "respond.toml")
    for peer in config.peer:
        if peer.accept:
            yield from (Never(network, f'peer "{peer.name}"') for network in peer.addresses)
        if peer.commitment:
            yield from _at(peer.commitment.address, found, f'peer "{peer.name}"')
    for server in config.sensor.server if config.sensor else ():
        yield from (Never(network, f'"{server.name}" of [[sensor.server]]') for network in server.addresses)
    for each in config.destination:
        if isinstance(each, DimseDestination):
            yield from _at(each.address, found, f'destination "{each.name}"')
    yield from _each(own_addresses(), "this box")
    yield from _each(gateways(places.routes4, places.routes6), "a router of this box")
    yield from _each(name_servers(places.resolvers), "a name server of this box")
    clocks = time_servers(places.clocks)
    addresses = [address for each in clocks if (address := _address(each))]
    addresses += [
        address for group in resolve(each for each in clocks if not _address(each)).values() for address in group
    ]
    yield from _each(addresses, "a time server of this box")


def _at(endpoint: HostPort, found: dict[str, frozenset[Address]], why: str) -> Iterator[Never]:
    address = _address(endpoint.host)
    return _each([address] if address else found.get(endpoint.host, ()), why)


def _each(addresses: Iterable[Address], why: str) -> Iterator[Never]:
    return (Never(ipaddress.ip_network(address), why) for address in addresses)


def gateways(ipv4: Path = _ROUTES4, ipv6: Path = _ROUTES6) -> frozenset[Address]:
    """The routers that the kernel's tables name, in all namespaces' own files (proc(5))."""
    found: set[Address] = set()
    for line in _lines(ipv4)[1:]:
        words = line.split()
        if len(words) > 3 and int(words[3], 16) & _GATEWAY:
            found.add(ipaddress.IPv4Address(struct.pack("=I", int(words[2], 16))))
    for line in _lines(ipv6):
        words = line.split()
        if len(words) > 8 and int(words[8], 16) & _GATEWAY and set(words[4]) != {"0"}:
            found.add(ipaddress.IPv6Address(int(words[4], 16)))
    return frozenset(found)


def name_servers(files: Iterable[Path] = _RESOLVERS) -> frozenset[Address]:
    """Of resolv.conf(5)."""
    words = [line.split() for file in files for line in _lines(file)]
    named = [each[1].partition("%")[0] for each in words if len(each) > 1 and each[0] == "nameserver"]
    return frozenset(address for each in named if (address := _address(each)))


def time_servers(files: Iterable[Path] = _CLOCKS) -> frozenset[str]:
    """Names and addresses, as timesyncd, chrony and ntpd are told."""
    found: set[str] = set()
    for file in files:
        for line in _lines(file):
            if named := _CLOCK_LINE.match(line.strip()):
                found.update((named[1] or named[2]).split())
    return frozenset(found)


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
