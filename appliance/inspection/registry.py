"""Who may associate from where to where, TLS or not: the same entries that the SCP enforces, as the wire shows them.

Pure: names were resolved and our own addresses found by who calls (`Surroundings`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, tzinfo
from enum import Enum
from typing import Any, NamedTuple

from appliance.base.names import ae_title_from_wire
from appliance.config.destinations import DimseDestination
from appliance.config.model import Config, Peer, SensorServer
from appliance.config.values import Address, HostPort, Network
from appliance.inspection.flow import endpoints

_MOST_FOUND = 4096
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

    def is_at(self, address: Address) -> bool:
        """Whether it is known to be there."""
        return (self.addresses is not None and address in self.addresses) or any(
            address in network for network in self.networks
        )


class Rights(NamedTuple):
    """The services that a caller may ask for at a server, and the SOP classes that it may store. Empty: any."""

    asks: frozenset[str]
    classes: frozenset[str]


class Calling(Enum):
    """How a calling AE title stands to the address from which it came."""

    KNOWN = "known"
    ELSEWHERE = "known, from another address"
    CASE = "unknown, but for upper and lower case"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered peers, the servers that they may reach, ourselves, and what else belongs on the VLAN.

    `others` are the machines of [[sensor.server]]; their listeners are in `servers` as well.
    """

    peers: tuple[Peer, ...]
    servers: tuple[Server, ...]
    own_titles: frozenset[str]
    own: frozenset[Address] | None
    decoy: str | None = None
    others: tuple[SensorServer, ...] = ()
    decoy_port: int | None = None
    local: tuple[Network, ...] = ()
    vlans: frozenset[int] = frozenset()
    dhcp_servers: tuple[Network, ...] = ()
    mirrors: bool = False  # traffic of others is expected to be seen
    zone: tzinfo | None = None  # of `hours`; None: they are not looked at
    respond_rules: frozenset[str] = frozenset()  # for which blocks are asked for
    respond_for: int = 0  # seconds
    _found: dict[object, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # what was asked for lately

    @classmethod
    def build(cls, config: Config, surroundings: Surroundings) -> Registry:
        """From the configuration."""
        titles = frozenset(config.called_ae_titles)
        servers = [
            Server(
                each.name,
                _addresses(each.address, surroundings),
                each.address.port,
                frozenset((each.ae_title,)),
                each.tls == "required",
                own=False,
                forwarded=each.calling_ae_title == "peer",
            )
            for each in config.destination
            if isinstance(each, DimseDestination)
        ]
        for wanted, tls in ((config.receive.listen, True), (config.receive.listen_plain, False)):
            for endpoint in wanted:
                here = surroundings.own if endpoint.host in _ANY else _addresses(endpoint, surroundings)
                servers.append(Server("this appliance", here, endpoint.port, titles, tls, True))
        servers += [
            Server(
                each.name,
                _addresses(each.commitment.address, surroundings),
                each.commitment.address.port,
                frozenset((each.commitment.ae_title,)),
                each.commitment.tls == "required",
                own=False,
            )
            for each in config.peer
            if each.commitment is not None and each.accept
        ]
        sensor = config.sensor
        others = sensor.server if sensor else ()
        for other in others:
            servers += [_listener(other, port) for port in other.ports]
        return cls(
            peers=tuple(peer for peer in config.peer if peer.accept),
            servers=tuple(servers),
            own_titles=titles | {config.appliance.ae_title},
            own=surroundings.own,
            decoy=sensor.decoy_ae if sensor else None,
            others=others,
            decoy_port=sensor.decoy_port if sensor else None,
            local=sensor.local if sensor else (),
            vlans=frozenset(sensor.vlans if sensor else ()),
            dhcp_servers=sensor.dhcp_servers if sensor else (),
            mirrors=sensor is not None and sensor.mode == "mirror",
            zone=surroundings.zone,
            respond_rules=frozenset(sensor.respond_rules if sensor and sensor.respond != "off" else ()),
            respond_for=int(sensor.respond_for) if sensor else 0,
        )

    # Servers.

    def server(self, address: Address, port: int) -> Server | None:
        """The registered server at an endpoint; one that is known by address goes before one that may be anywhere."""
        found: Server | None = self._once(("server", address, port), lambda: self._server(address, port))
        return found

    def _once(self, question: object, answer: Callable[[], Any]) -> Any:
        """Answer what is asked again and again. Bounded; an entry costs a hundred bytes."""
        try:
            return self._found[question]
        except KeyError:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            found = self._found[question] = answer()
            return found

    def _server(self, address: Address, port: int) -> Server | None:
        anywhere = None
        for each in self.servers:
            if each.port == port:
                if each.is_at(address):
                    return each
                if each.addresses is None:
                    anywhere = anywhere or each
        return anywhere

    def answers(self, title: str | None, address: Address, port: int) -> bool:
        """Whether a server at this endpoint answers to an AE title."""
        return any(
            each.port == port and title in each.titles and (each.addresses is None or each.is_at(address))
            for each in self.servers
        )

    def knows_title(self, title: str | None) -> bool:
        """Whether any registered machine has an AE title."""
        return (
            title in self.own_titles
            or any(title in peer.ae_titles for peer in self.peers)
            or any(title in other.ae_titles for other in self.others)
            or any(title in server.titles for server in self.servers)
        )

    # Who is at an address.

    def peers_at(self, address: Address) -> list[Peer]:
        """The peers that may come from an address."""
        return [peer for peer in self.peers if _within(address, peer.addresses)]

    def others_at(self, address: Address) -> list[SensorServer]:
        """The machines of [[sensor.server]] at an address."""
        return [other for other in self.others if _within(address, other.addresses)]

    def is_own(self, address: Address) -> bool:
        """Whether an address is ours, as far as that is known."""
        return self.own is not None and address in self.own

    def is_registered(self, address: Address) -> bool:
        """Whether anything that the registry names is at an address."""
        return (
            self.is_own(address)
            or any(server.is_at(address) for server in self.servers)
            or bool(self.peers_at(address) or self.others_at(address))
        )

    def is_local(self, address: Address) -> bool:
        """Whether an address is one of the site; anything is, where the site is not described."""
        return not self.local or _within(address, self.local)

    def time_of_day(self, seconds: float) -> time | None:
        """The local time at the box, of seconds since the epoch; None where its time zone is not known."""
        return datetime.fromtimestamp(seconds, self.zone).time() if self.zone is not None else None

    # Who may call.

    def calling(self, title: str | None, address: Address, server: Server | None) -> Calling:
        """How the calling AE title `title` stands, for an association from `address` to `server`."""
        if title is None:
            return Calling.UNKNOWN
        ours = self.own_titles
        if server is not None and server.forwarded:
            ours |= {each for peer in self.peers for each in peer.ae_titles}
        if title in ours and (self.own is None or address in self.own):
            return Calling.KNOWN
        machines: list[Peer | SensorServer] = [*self.peers, *self.others]
        owners = [each for each in machines if title in each.ae_titles]
        if any(_within(address, owner.addresses) for owner in owners):
            return Calling.KNOWN
        if owners or title in self.own_titles:
            return Calling.ELSEWHERE
        known = {each.casefold() for owner in machines for each in owner.ae_titles}
        known |= {each.casefold() for each in self.own_titles}
        return Calling.CASE if title.casefold() in known else Calling.UNKNOWN

    def rights(self, key: bytes, calling: bytes) -> Rights:
        """What a caller may do, by the key of its flow and its AE title as it stands on the wire."""
        found: Rights = self._once((key, calling), lambda: self._rights(key, calling))
        return found

    def _rights(self, key: bytes, calling: bytes) -> Rights:
        client, _, address, port = endpoints(key)
        title, server = ae_title_from_wire(calling), self.server(address, port)
        return Rights(self._may_ask(title, client, server is not None and server.own), self._may_store(title, client))

    def _may_ask(self, title: str | None, client: Address, own: bool) -> frozenset[str]:
        if own:
            services = [peer.services for peer in self.peers_at(client) if title in peer.ae_titles]
            return frozenset(each for allowed in services for each in allowed)
        asks = [other.asks for other in self.others_at(client) if title in other.ae_titles]
        return frozenset(each for allowed in asks for each in allowed) if all(asks) else frozenset()

    def _may_store(self, title: str | None, client: Address) -> frozenset[str]:
        classes = [peer.sop_classes for peer in self.peers_at(client) if title in peer.ae_titles]
        return frozenset(each for allowed in classes for each in allowed) if all(classes) else frozenset()

    def tls_demanded_by(self, title: str | None, address: Address, server: Server | None) -> str:
        """Who demands TLS for an association: the server's or the caller's entry, by name. Empty: nobody."""
        if server is not None and server.tls:
            return server.name
        if server is not None and not server.own:
            return ""
        callers = [each for each in self.peers_at(address) if title is None or title in each.ae_titles]
        if title is None and self.is_own(address):
            return ""
        demanding = [each.name for each in callers if each.tls == "required"]
        return demanding[0] if demanding and len(demanding) == len(callers) else ""

    def speaks_tls(self, address: Address) -> bool:
        """Whether somebody who may call over TLS is at an address."""
        callers: list[Peer | SensorServer] = [*self.peers_at(address), *self.others_at(address)]
        return any(each.tls != "never" for each in callers) or self.is_own(address)


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


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _addresses(endpoint: HostPort, surroundings: Surroundings) -> frozenset[Address] | None:
    """The addresses of a host; None where its name could not be resolved: then any address has to do."""
    try:
        return frozenset((ipaddress.ip_address(endpoint.host),))
    except ValueError:
        return surroundings.resolved.get(endpoint.host)
