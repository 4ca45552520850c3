"""What the registry needs to know and the configuration does not say: our own addresses, those of named hosts, our time
zone.

The unit has no network of its own, so a resolver may be out of its reach: then a named host is where our own
associations with it were seen to go.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from appliance.config.destinations import AnyDestination, DimseDestination, ObjectStoreDestination
from appliance.config.model import Config
from appliance.config.urls import host_of
from appliance.config.values import Address, HostPort
from appliance.inspection.inventory_entries import Talk
from appliance.inspection.registry import Surroundings

_IPV4 = Path("/proc/self/net/fib_trie")  # /proc/net is out of sight under ProcSubset=pid
_IPV6 = Path("/proc/self/net/if_inet6")


def own_addresses(ipv4: Path = _IPV4, ipv6: Path = _IPV6) -> frozenset[Address]:
    """The addresses of this box, as its kernel has them."""
    found: set[Address] = set()
    leaf = ""
    for line in _lines(ipv4):
        words = line.split()
        if words[:1] == ["|--"]:
            leaf = words[1]
        elif words[:3] == ["/32", "host", "LOCAL"]:
            found.add(ipaddress.IPv4Address(leaf))
    for line in _lines(ipv6):
        found.add(ipaddress.IPv6Address(int(line.split()[0], 16)))
    return frozenset(found)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _called(config: Config) -> list[tuple[HostPort, str]]:
    """The endpoints that we call, and their AE titles."""
    upstreams = [each for each in config.destination if isinstance(each, DimseDestination)]
    reported = [each.commitment for each in config.peer if each.commitment]
    return [(each.address, each.ae_title) for each in upstreams] + [(each.address, each.ae_title) for each in reported]


def named_hosts(config: Config) -> set[str]:
    """The host names, other than addresses, that stand for endpoints in the configuration."""
    hosts = {host_of_destination(each) for each in config.destination}
    hosts |= {each.commitment.address.host for each in config.peer if each.commitment}
    hosts |= {each.host for each in (*config.receive.listen, *config.receive.listen_plain)}
    return {host for host in hosts if host and as_address(host) is None}


def host_of_destination(destination: AnyDestination) -> str:
    """The machine that takes what is delivered; "" for a directory, and for a public service that names none."""
    if isinstance(destination, DimseDestination):
        return destination.address.host
    url = destination.endpoint if isinstance(destination, ObjectStoreDestination) else destination.url
    return host_of(url) if url else ""


def as_address(host: str) -> Address | None:
    """The address that a text is; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def resolve(hosts: Iterable[str]) -> dict[str, frozenset[Address]]:
    """Ask the resolver; blocks as long as it does. A name that it does not know is left out."""
    resolved = {}
    for host in hosts:
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except OSError:
            continue
        resolved[host] = frozenset(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers)
    return resolved


def seen_to_be_called(config: Config, talks: Iterable[Talk], own: frozenset[Address]) -> dict[str, frozenset[Address]]:
    """Where our own associations with named hosts were accepted: at their port and, in clear, by their AE title."""
    found: dict[str, set[Address]] = {}
    for talk in talks:
        if talk.accepted and ipaddress.ip_address(talk.client) in own:
            for endpoint, title in _called(config):
                if endpoint.port == talk.port and (talk.tls or talk.called == title):
                    found.setdefault(endpoint.host, set()).add(ipaddress.ip_address(talk.server))
    return {host: frozenset(addresses) for host, addresses in found.items()}


def look_around(config: Config, talks: Iterable[Talk] = ()) -> Surroundings:
    """All of it, now. `talks`: who was seen to talk to whom."""
    own = own_addresses()
    resolved = {**seen_to_be_called(config, talks, own), **resolve(named_hosts(config))}
    return Surroundings(own, resolved, datetime.now().astimezone().tzinfo)
