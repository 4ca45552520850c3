"""Where a connection comes from, and what is known of the other end before it says its AE title."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.config.values import Address
from appliance.host.tls import PeerCertificate


@dataclass(slots=True)
class Origin:
    """What TCP says, and what the TLS layer proved."""

    number: int
    address: Address
    port: int
    security: str = "cleartext"
    certificate: PeerCertificate | None = None
    legacy_tls: bool = False
