"""Who may associate from where to where, TLS or not: the same entries that the SCP enforces, as the wire shows them.

Pure: names were resolved and our own addresses found by who calls (`Surroundings`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from appliance.config.model import Config, Peer
from appliance.config.values import Address, HostPort

_ANY = frozenset(("", "0.0.0.0", "::"))  # noqa: S104 - what a listener on every address is called


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the configuration does not say. `own` is None where our addresses cannot be known (a pcap from elsewhere).

    `resolved` holds the addresses of the host names that `[[destination]]` and `[receive]` name.
    """

    own: frozenset[Address] | None = None
    resolved: Mapping[str, frozenset[Address]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """An endpoint that may accept associations. `addresses` is None for any."""

    name: str
    addresses: frozenset[Address] | None
    port: int
    titles: frozenset[str]
    tls: bool
    own: bool
    forwarded: bool = False  # we call it with the titles of our peers


class Calling(Enum):
    """How a calling AE title stands to the address from which it came."""

    KNOWN = "known"
    ELSEWHERE = "known, from another address"
    CASE = "unknown, but for upper and lower case"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered peers, the servers that they may reach, and ourselves."""

    peers: tuple[Peer, ...]
    servers: tuple[Server, ...]
    own_titles: frozenset[str]
    own: frozenset[Address] | None
    decoy: str | None = None

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
        ]
        for wanted, tls in ((config.receive.listen, True), (config.receive.listen_plain, False)):
            for endpoint in wanted:
                here = surroundings.own if endpoint.host in _ANY else _addresses(endpoint, surroundings)
                servers.append(Server("this appliance", here, endpoint.port, titles, tls, True))
        return cls(
            peers=tuple(peer for peer in config.peer if peer.accept),
            servers=tuple(servers),
            own_titles=titles | {config.appliance.ae_title},
            own=surroundings.own,
            decoy=config.sensor.decoy_ae if config.sensor else None,
        )

    def server(self, address: Address, port: int) -> Server | None:
        """The registered server at an endpoint; one that is known by address goes before one that may be anywhere."""
        anywhere = None
        for each in self.servers:
            if each.port == port:
                if each.addresses is not None and address in each.addresses:
                    return each
                if each.addresses is None:
                    anywhere = anywhere or each
        return anywhere

    def peers_at(self, address: Address) -> list[Peer]:
        """The peers that may come from an address."""
        return [peer for peer in self.peers if any(address in network for network in peer.addresses)]

    def is_own(self, address: Address) -> bool:
        """Whether an address is ours, as far as that is known."""
        return self.own is not None and address in self.own

    def calling(self, title: str | None, address: Address, server: Server | None) -> Calling:
        """How the calling AE title `title` stands, for an association from `address` to `server`."""
        if title is None:
            return Calling.UNKNOWN
        ours = self.own_titles
        if server is not None and server.forwarded:
            ours |= {each for peer in self.peers for each in peer.ae_titles}
        if title in ours and (self.own is None or address in self.own):
            return Calling.KNOWN
        owners = [peer for peer in self.peers if title in peer.ae_titles]
        if any(address in network for peer in owners for network in peer.addresses):
            return Calling.KNOWN
        if owners or title in self.own_titles:
            return Calling.ELSEWHERE
        known = {each.casefold() for peer in self.peers for each in peer.ae_titles}
        known |= {each.casefold() for each in self.own_titles}
        return Calling.CASE if title.casefold() in known else Calling.UNKNOWN

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


def _addresses(endpoint: HostPort, surroundings: Surroundings) -> frozenset[Address] | None:
    """The addresses of a host; None where its name could not be resolved: then any address has to do."""
    try:
        return frozenset((ipaddress.ip_address(endpoint.host),))
    except ValueError:
        return surroundings.resolved.get(endpoint.host)
