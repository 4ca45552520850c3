"""Which TLS profile a connection gets. Decided by the address it comes from, for the AE title is not known yet.

An address of a peer with tls_profile = "legacy" is offered the old suites beside the good ones. Who comes from there
and uses an old one without being that peer is refused at admission (`routing.admission`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from appliance.config.model import Config
from appliance.config.values import Address, Network
from appliance.host import tls


@dataclass(frozen=True, slots=True)
class Profiles:
    """The contexts of the TLS listeners. `legacy` is None where no peer needs it."""

    standard: ssl.SSLContext
    legacy: ssl.SSLContext | None = None
    legacy_networks: tuple[Network, ...] = ()

    def choose(self, address: Address) -> ssl.SSLContext:
        """The context for a connection from `address` (an IPv4 address as such, not mapped)."""
        if self.legacy and any(address in network for network in self.legacy_networks):
            return self.legacy
        return self.standard


def read_profiles(config: Config) -> Profiles | None:
    """Read certificates, key, CA and revocation lists anew. None without a TLS listener; raises ConfigError."""
    receive = config.receive
    if not receive.listen:
        return None
    assert receive.certificate and receive.key and receive.client_ca
    files = (receive.certificate, receive.key, receive.client_ca, receive.client_crl)
    old = [peer for peer in config.peer if peer.accept and peer.tls != "never" and peer.tls_profile == "legacy"]
    return Profiles(
        tls.server_context(*files),
        tls.server_context(*files, legacy=True) if old else None,
        tuple(network for peer in old for network in peer.addresses),
    )
