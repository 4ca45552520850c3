"""What the registry needs to know and the configuration does not say: our own addresses, those of named hosts, our time
zone.
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
from appliance.config.values import Address
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


def look_around(config: Config) -> Surroundings:
    """All of it, now."""
    return Surroundings(own_addresses(), resolve(named_hosts(config)), datetime.now().astimezone().tzinfo)
