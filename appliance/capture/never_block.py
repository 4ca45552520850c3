"""Who must stay reachable, whatever the sensor saw: our peers, destinations and collector, this box, its routers, name
servers and time servers, and what root's own file adds.
"""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.capture.surroundings import as_address, host_of_destination, named_hosts, own_addresses, resolve
from appliance.config.destinations import DimseDestination, StowDestination
from appliance.config.model import Config
from appliance.config.respond_policy import RespondPolicy
from appliance.config.urls import host_of
from appliance.config.values import Address, Network
from appliance.inspection.blocking import Bounds, Never

_ROUTES4 = Path("/proc/self/net/route")
_ROUTES6 = Path("/proc/self/net/ipv6_route")
_RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
_CLOCKS = (
    Path("/etc/systemd/timesyncd.conf"),
    Path("/etc/systemd/timesyncd.conf.d"),
    Path("/run/systemd/timesyncd.conf.d"),
    Path("/run/systemd/netif"),  # what DHCP told networkd, in its file `state`
    Path("/etc/chrony/chrony.conf"),
    Path("/etc/chrony/conf.d"),
    Path("/etc/chrony/sources.d"),
    Path("/run/chrony-dhcp"),
    Path("/etc/ntpsec/ntp.conf"),
    Path("/etc/ntp.conf"),
)
_CLOCK_FILES = (".conf", ".sources", "state")  # of the directories
_CLOCK_LINE = re.compile(r"(?:(?:server|pool|peer)\s+(\S+)|(?:Fallback)?NTP\s*=\s*(.*))", re.IGNORECASE)
_GATEWAY = 2  # RTF_GATEWAY


@dataclass(frozen=True, slots=True)
class Places:
    """Where this box says who its neighbours are. `clocks` are files, and directories of them."""

    routes4: Path = _ROUTES4
    routes6: Path = _ROUTES6
    resolvers: tuple[Path, ...] = _RESOLVERS
    clocks: tuple[Path, ...] = _CLOCKS


def bounds(config: Config, policy: RespondPolicy, places: Places = Places()) -> Bounds:
    """What may be done at most, now. Asks the resolver, which may take its time."""
    hosts, clocks = named_hosts(config), time_servers(places.clocks)
    found = {name: frozenset(addresses) for name, addresses in policy.hosts.items()}
    found |= resolve((hosts | _others(config) | clocks) - found.keys())
    return Bounds(
        int(policy.longest),
        policy.most_blocks,
        tuple(Never(_unmapped(each.network), each.why) for each in _never(config, policy, found, clocks, places)),
        tuple(sorted(hosts - found.keys())),
    )


def _unmapped(network: Network) -> Network:
    """An IPv4 network that was written as IPv6 has it (RFC 4291 2.5.5.2), as it stands in packets."""
    first = network.network_address
    if isinstance(first, ipaddress.IPv6Address) and first.ipv4_mapped and network.prefixlen >= 96:
        return ipaddress.IPv4Network((first.ipv4_mapped, network.prefixlen - 96))
    return network


def _others(config: Config) -> set[str]:
    """Hosts that we ask or tell, beside destinations. Nobody is spared a block because one of them has no address."""
    stow = [each for each in config.destination if isinstance(each, StowDestination)]
    hosts = {host_of(each.oauth.token_url) for each in stow if each.oauth}
    return hosts | ({config.alerts.syslog.host} if config.alerts else set())


def _never(
    config: Config, policy: RespondPolicy, found: dict[str, frozenset[Address]], clocks: frozenset[str], places: Places
) -> Iterator[Never]:
    for network in policy.never:
        yield Never(network, "respond.toml")
    for peer in config.peer:
        if peer.accept:
            yield from (Never(network, f'peer "{peer.name}"') for network in peer.addresses)
        if peer.commitment:
            yield from _at(peer.commitment.address.host, found, f'peer "{peer.name}"')
    for server in config.sensor.server if config.sensor else ():
        yield from (Never(network, f'"{server.name}" of [[sensor.server]]') for network in server.addresses)
    for each in config.destination:
        why = f'destination "{each.name}"'
        yield from _at(host_of_destination(each), found, why)
        if isinstance(each, DimseDestination) and each.reports:
            yield from (Never(network, why) for network in each.reports.addresses)
        if isinstance(each, StowDestination) and each.oauth:
            yield from _at(host_of(each.oauth.token_url), found, why)
    if config.alerts:
        yield from _at(config.alerts.syslog.host, found, "the collector of [alerts]")
    for network in config.sensor.dhcp_servers if config.sensor else ():
        yield Never(network, "dhcp_servers of [sensor]")
    yield from _each(own_addresses(), "this box")
    yield from _each(gateways(places.routes4, places.routes6), "a router of this box")
    yield from _each(name_servers(places.resolvers), "a name server of this box")
    for clock in clocks:
        yield from _at(clock, found, "a time server of this box")


def _at(host: str, found: dict[str, frozenset[Address]], why: str) -> Iterator[Never]:
    address = as_address(host)
    return _each([address] if address else found.get(host, ()), why)


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
    return frozenset(address for each in named if (address := as_address(each)))


def time_servers(files: Iterable[Path] = _CLOCKS) -> frozenset[str]:
    """Names and addresses, as timesyncd, chrony and ntpd are told."""
    found: set[str] = set()
    for file in (each for path in files for each in _files(path)):
        for line in _lines(file):
            if named := _CLOCK_LINE.match(line.strip()):
                found.update((named[1] or named[2]).split())
    return frozenset(found)


def _files(path: Path) -> list[Path]:
    try:
        return sorted(each for each in path.iterdir() if each.name.endswith(_CLOCK_FILES)) if path.is_dir() else [path]
    except OSError:
        return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []
