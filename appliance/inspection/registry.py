"""Who may associate from where to where, TLS or not: the same entries that the SCP enforces, as the wire shows them.

Pure: names were resolved and our own addresses found by who calls (`registered.Surroundings`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, tzinfo
from enum import Enum
from typing import Any, NamedTuple

from appliance.base.names import ae_title_from_wire
from appliance.config.model import Config, Peer, SensorServer
from appliance.config.values import Address, Network
from appliance.inspection.flow import endpoints
from appliance.inspection.moment import moment
from appliance.inspection.registered import Caller, callers_of, servers_of, upstreams_of, within
from appliance.inspection.registered import Server as Server
from appliance.inspection.registered import Surroundings as Surroundings

_MOST_FOUND = 4096


class Rights(NamedTuple):
    """The services that a caller may ask for at a server, and the SOP classes that it may store. Empty: any."""

    asks: frozenset[str]
    classes: frozenset[str]


class Calling(Enum):
    """How a calling AE title stands to the address from which it came."""

    KNOWN = "known"
    BARRED = "known, but not as one who may call this server"
    ELSEWHERE = "known, from another address"
    CASE = "unknown, but for upper and lower case"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Registry:
    """The registered peers, the servers that they may reach, ourselves, and what else belongs on the VLAN.

    `others` are the machines of [[sensor.server]]; their listeners are in `servers` as well. `upstreams` are the
    destinations, as those who call.
    """

    peers: tuple[Peer, ...]
    servers: tuple[Server, ...]
    own_titles: frozenset[str]
    own: frozenset[Address] | None
    decoy: str | None = None
    others: tuple[SensorServer, ...] = ()
    upstreams: tuple[Caller, ...] = ()
    decoy_port: int | None = None
    local: tuple[Network, ...] = ()
    vlans: frozenset[int] = frozenset()
    dhcp_servers: tuple[Network, ...] = ()
    moving: tuple[Network, ...] = ()
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
        sensor = config.sensor
        return cls(
            peers=tuple(peer for peer in config.peer if peer.accept),
            servers=servers_of(config, surroundings),
            upstreams=upstreams_of(config, surroundings),
            own_titles=frozenset((*config.called_ae_titles, config.appliance.ae_title)),
            own=surroundings.own,
            decoy=sensor.decoy_ae if sensor else None,
            others=sensor.server if sensor else (),
            decoy_port=sensor.decoy_port if sensor else None,
            local=sensor.local if sensor else (),
            vlans=frozenset(sensor.vlans if sensor else ()),
            dhcp_servers=sensor.dhcp_servers if sensor else (),
            moving=sensor.moving if sensor else (),
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

    def of_the_site(self, key: bytes, from_client: bool) -> bool:
        """Whether who shows a certificate in the flow of a key has to have it from a CA of the site: a registered
        server that is known to be there, or a registered client of one. No entry of theirs names another CA."""
        client, _, address, port = endpoints(key)
        known: list[Server | Caller] = [each for each in self.servers if each.port == port and each.is_at(address)]
        right = bool(known)
        if from_client:
            callers = [each for each in self.callers if each.is_at(client)]
            right &= bool(callers) or self.is_own(client)
            known += callers
        return right and not any(each.other_ca for each in known)

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
            or any(title in caller.titles for caller in self.callers)
            or any(title in server.titles for server in self.servers)
        )

    @property
    def unresolved(self) -> tuple[str, ...]:
        """The servers of which the address is not known, by name: any machine may pass for them."""
        return tuple(sorted({each.name for each in self.servers if each.anywhere and not each.own}))

    # Who is at an address.

    def peers_at(self, address: Address) -> list[Peer]:
        """The peers that may come from an address."""
        return [peer for peer in self.peers if within(address, peer.addresses)]

    def others_at(self, address: Address) -> list[SensorServer]:
        """The machines of [[sensor.server]] at an address."""
        return [other for other in self.others if within(address, other.addresses)]

    def is_own(self, address: Address) -> bool:
        """Whether an address is ours, as far as that is known."""
        return self.own is not None and address in self.own

    def is_registered(self, address: Address) -> bool:
        """Whether anything that the registry names is at an address."""
        return (
            self.is_own(address)
            or any(server.is_at(address) for server in self.servers)
            or any(caller.is_at(address) for caller in self.callers)
        )

    def names_at(self, address: Address) -> str:
        """The name of a registered machine at an address; empty where there is none."""
        if self.is_own(address):
            return "this appliance"
        named = [each.name for each in self.callers if each.is_at(address)]
        named += [each.name for each in self.servers if each.is_at(address)]
        return named[0] if named else ""

    def is_local(self, address: Address) -> bool:
        """Whether an address is one of the site; anything is, where the site is not described."""
        return not self.local or within(address, self.local)

    def time_of_day(self, seconds: float) -> time | None:
        """The local time at the box, of seconds since the epoch; None where its time zone is not known."""
        return moment(seconds, self.zone).time() if self.zone is not None else None

    # Who may call.

    @property
    def callers(self) -> tuple[Caller, ...]:
        """Every machine that may call somebody, but for ourselves."""
        found: tuple[Caller, ...] = self._once("callers", lambda: callers_of(self.peers, self.others, self.upstreams))
        return found

    def calling(self, title: str | None, address: Address, server: Server | None) -> Calling:
        """How the calling AE title `title` stands, for an association from `address` to `server`."""
        if title is None:
            return Calling.UNKNOWN
        ours = self.own_titles
        if server is not None and server.forwarded:
            ours |= {each for peer in self.peers for each in peer.ae_titles}
        if title in ours and (self.own is None or address in self.own):
            return Calling.KNOWN
        owners = [each for each in self.callers if title in each.titles]
        here = [each for each in owners if each.is_at(address)]
        if any(each.may_call(server) for each in here):
            return Calling.KNOWN
        if here:
            return Calling.BARRED
        if owners or title in self.own_titles:
            return Calling.ELSEWHERE
        known = {each.casefold() for owner in self.callers for each in owner.titles}
        known |= {each.casefold() for each in self.own_titles}
        return Calling.CASE if title.casefold() in known else Calling.UNKNOWN

    def barred(self, title: str | None, address: Address, called: str | None, server: Server) -> str:
        """The name of the caller whose entry lists whom it calls, and not this AE title of `server`. Empty: it may."""
        callers = [each for each in self.callers if title in each.titles and each.is_at(address)]
        if self.is_own(address) or any(each.may_call(server) and each.lists(server, (called,)) for each in callers):
            return ""
        return callers[0].name if callers else ""

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
            services = {each for peer in self.peers_at(client) if title in peer.ae_titles for each in peer.services}
            reports = any(each.us and title in each.titles and each.is_at(client) for each in self.upstreams)
            return frozenset(services | {"echo", "commit"} if services and reports else services)
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

    def over_tls(self, address: Address, server: Server) -> str:
        """What speaks against TLS from an address to a server; empty for nothing. Names are not seen in it."""
        if self.is_own(address):
            return ""
        known = [each for each in self.callers if each.is_at(address)]
        here = [each for each in known if each.may_call(server)]
        if not here:
            return f"its client, {known[0].name}, has no [[peer]] entry" if known else "its client has no entry"
        if all(each.tls == "never" for each in here):
            return f"the entry of its client, {here[0].name}, says that it never speaks TLS"
        if not any(each.tls != "never" and each.lists(server, server.titles) for each in here):
            return f"the entry of its client, {here[0].name}, does not list it in calls"
        return ""
