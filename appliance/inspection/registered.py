"""What the configuration names, as machines on the wire: servers, and who may call them. Pure.

A host name that could not be resolved stands for any address: who asks says so (`Server.anywhere`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from appliance.config.destinations import DimseDestination
from appliance.config.model import Config, Peer, SensorServer
from appliance.config.values import Address, HostPort, Network

_ANY = frozenset(("", "0.0.0.0", "::"))  # noqa: S104 - what a listener on every address is called


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the configuration does not say. `own` is None where our addresses cannot be known (a pcap from elsewhere).
    `zone` is our time zone, where `hours` are those of the box.

    `resolved` holds the addresses of the host names that `[[destination]]` and `[receive]` name.
    """

    own: frozenset[Address] | None = None
    resolved: Mapping[str, frozenset[Address]] = field(default_factory=dict)
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """An endpoint that may accept associations. `addresses` is None for any; `networks` are ranges beside them."""

    name: str
    addresses: frozenset[Address] | None
    port: int
    titles: frozenset[str]
    tls: bool
    own: bool
    forwarded: bool = False  # we call it with the titles of our peers
    networks: tuple[Network, ...] = ()
    takes_tls: bool = True
    host: str = ""  # that its certificate has to name
    other_ca: bool = False  # its entry names a CA that is not the site's

    def is_at(self, address: Address) -> bool:
        """Whether it is known to be there."""
        return (self.addresses is not None and address in self.addresses) or within(address, self.networks)

    @property
    def anywhere(self) -> bool:
        """Whether its address is not known."""
        return self.addresses is None


@dataclass(frozen=True, slots=True)
class Caller:
    """A machine that may call others. `us`: it may call this appliance; `others`: it may call other servers, and where
    `calls` lists titles, no others than those.
    """

    name: str
    titles: frozenset[str]
    networks: tuple[Network, ...]
    tls: str  # "required", "allowed" or "never"
    us: bool
    others: bool
    calls: frozenset[str] | None = None
    other_ca: bool = False  # as in `Server`

    def is_at(self, address: Address) -> bool:
        """Whether it may come from there."""
        return within(address, self.networks)

    def may_call(self, server: Server | None) -> bool:
        """Whether it may call a server at all, under the right name."""
        if server is None:
            return True  # that the server is a stranger is said of the server
        return self.us if server.own else self.others

    def lists(self, server: Server, titles: Iterable[str | None]) -> bool:
        """Whether it may call a server by one of `titles`."""
        return server.own or self.calls is None or any(title in self.calls for title in titles)


def servers_of(config: Config, surroundings: Surroundings) -> tuple[Server, ...]:
    """Every endpoint that the configuration names, ourselves included."""
    return (*_destinations(config, surroundings), *_own(config, surroundings), *_others(config, surroundings))


def _destinations(config: Config, surroundings: Surroundings) -> Iterator[Server]:
    for each in config.destination:
        if isinstance(each, DimseDestination):
            yield Server(
                each.name,
                _addresses(each.address, surroundings),
                each.address.port,
                frozenset((each.ae_title,)),
                each.over_tls,
                own=False,
                forwarded=each.calling_ae_title == "peer",
                takes_tls=each.over_tls,
                host=each.server_name or each.address.host,
                other_ca=_other_ca(each.ca, config),
            )


def _own(config: Config, surroundings: Surroundings) -> Iterator[Server]:
    titles = frozenset(config.called_ae_titles)
    if any(each.us for each in _upstreams(config, surroundings)):
        titles |= {config.appliance.ae_title}  # as which we asked for the report
    for wanted, tls in ((config.receive.listen, True), (config.receive.listen_plain, False)):
        for endpoint in wanted:
            here = surroundings.own if endpoint.host in _ANY else _addresses(endpoint, surroundings)
            yield Server("this appliance", here, endpoint.port, titles, tls, own=True, takes_tls=tls)


def _others(config: Config, surroundings: Surroundings) -> Iterator[Server]:
    for peer in config.peer:
        if (place := peer.commitment) is not None and peer.accept:
            titles, tls = frozenset((place.ae_title,)), place.tls == "required"
            here = _addresses(place.address, surroundings)
            foreign = _other_ca(place.ca, config)
            yield Server(peer.name, here, place.address.port, titles, tls, own=False, takes_tls=tls, other_ca=foreign)
    for other in config.sensor.server if config.sensor else ():
        for port in other.ports:
            yield _listener(other, port)


def _listener(other: SensorServer, port: int) -> Server:
    return Server(
        other.name,
        frozenset(),
        port,
        frozenset(other.ae_titles),
        other.tls == "required",
        own=False,
        networks=other.addresses,
        takes_tls=other.tls != "never",
    )


def callers_of(
    peers: Iterable[Peer], others: Iterable[SensorServer], upstreams: Iterable[Caller]
) -> tuple[Caller, ...]:
    """Who may call somebody: peers, machines of [[sensor.server]], and destinations."""
    return (*(_caller(each, us=True) for each in peers), *(_caller(each, us=False) for each in others), *upstreams)


def _caller(entry: Peer | SensorServer, *, us: bool) -> Caller:
    titles, calls = frozenset(entry.ae_titles), None if entry.calls is None else frozenset(entry.calls)
    return Caller(entry.name, titles, entry.addresses, entry.tls, us, others=True, calls=calls)


def upstreams_of(config: Config, surroundings: Surroundings) -> tuple[Caller, ...]:
    """Destinations call others, when they are told to move images; and us, to report on commitment (PS3.4 J.3.3)."""
    return tuple(_upstreams(config, surroundings))


def _upstreams(config: Config, surroundings: Surroundings) -> Iterator[Caller]:
    for each in config.destination:
        if not isinstance(each, DimseDestination):
            continue
        there, other = _addresses(each.address, surroundings) or (), _other_ca(each.ca, config)
        networks = tuple(ipaddress.ip_network(address) for address in there)
        titles = frozenset((each.ae_title,))
        yield Caller(each.name, titles, networks, "allowed", us=False, others=True, other_ca=other)
        if each.proof == "commitment" and each.report_addresses:
            source = each.reports
            titles = frozenset((source and source.ae_titles) or (each.ae_title,))
            networks = tuple(ipaddress.ip_network(address) for address in each.report_addresses)
            tls = (source and source.tls) or each.tls
            yield Caller(each.name, titles, networks, tls, us=True, others=False, other_ca=other)


def _other_ca(named: Path | None, config: Config) -> bool:
    """Whether an entry names a CA of its own. Told by the path: the files of [receive] are closed to who asks."""
    return named not in (None, config.receive.client_ca, config.sensor.ca if config.sensor else None)


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of several ranges."""
    return any(address in network for network in networks)


def _addresses(endpoint: HostPort, surroundings: Surroundings) -> frozenset[Address] | None:
    """The addresses of a host; None where its name could not be resolved: then any address has to do."""
    try:
        return frozenset((ipaddress.ip_address(endpoint.host),))
    except ValueError:
        return surroundings.resolved.get(endpoint.host)
