"""What the registry needs to know and the configuration does not say: our own addresses, those of named hosts, our time
zone.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from appliance.config.destinations import DimseDestination
from appliance.config.model import Config
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
    hosts = {each.address.host for each in config.destination if isinstance(each, DimseDestination)}
    hosts |= {each.commitment.address.host for each in config.peer if each.commitment}
    hosts |= {each.host for each in (*config.receive.listen, *config.receive.listen_plain)}
    return {host for host in hosts if host and not _is_address(host)}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


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
