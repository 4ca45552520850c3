"""A TCP connection as the sensor sees it: two streams, who opened it, and what it turned out to carry."""

from __future__ import annotations

import ipaddress
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from appliance.config.values import Address

if TYPE_CHECKING:
    from appliance.inspection.evidence import FlowEvidence
    from appliance.inspection.inventory_entries import Device, Talk
    from appliance.inspection.stream import Stream
    from appliance.inspection.tls_hello import Hello


DICOM_PORTS = frozenset((104, 2761, 2762, 4242, 11112))


class Carries(Enum):
    """What a flow carries, by content, never by port."""

    UNKNOWN = "unknown"
    DICOM = "dicom"
    TLS = "tls"
    OTHER = "other"


def reverse(key: bytes) -> bytes:
    """The key of the opposite direction: addresses and ports swapped."""
    if len(key) == 12:
        return key[4:8] + key[0:4] + key[10:12] + key[8:10]
    return key[16:32] + key[0:16] + key[34:36] + key[32:34]


@lru_cache(maxsize=4096)
def endpoints(key: bytes) -> tuple[Address, int, Address, int]:
    """Source address and port, destination address and port of a key."""
    size = 4 if len(key) == 12 else 16
    source = ipaddress.ip_address(key[:size])
    target = ipaddress.ip_address(key[size : 2 * size])
    return source, int.from_bytes(key[-4:-2], "big"), target, int.from_bytes(key[-2:], "big")


class Flow:
    """One connection. `key` is the direction from client to server; `joined` means that its opening was not seen."""

    __slots__ = (
        "asked",
        "associated",
        "began",
        "carries",
        "client",
        "closing",
        "conflicted",
        "evidence",
        "hello",
        "joined",
        "key",
        "macs",
        "memo",
        "proven",
        "server",
        "settled",
        "stack",
        "sure",
        "vlans",
    )

    def __init__(self, key: bytes, began: float, joined: bool, macs: bytes, vlans: tuple[int, ...]) -> None:
        self.key = key
        self.began = began
        self.joined = joined
        self.macs = macs  # destination and source of the first frame from the client
        self.vlans = vlans
        self.carries = Carries.UNKNOWN
        self.closing = False
        self.settled = 0.0  # when the table last looked at it
        self.conflicted = False
        self.stack = b""  # the client's, as `tcp_stack` found it in the SYN
        self.sure = False  # the server acknowledged where the client's stream begins
        self.asked = joined  # a whole request was seen, or nothing of the kind is awaited any more
        self.associated = False  # counted as an open association
        self.evidence: FlowEvidence | None = None  # where evidence is kept
        self.proven = False  # each end acknowledged the other's first sequence number: no forged address can
        self.hello: Hello | None = None  # the client's, until it is answered
        self.memo: tuple[Talk, Device, list[int]] | None = None  # the inventory's entries for it
        self.client: Stream
        self.server: Stream

    @property
    def last(self) -> float:
        """When its last packet came."""
        return max(self.client.last, self.server.last)

    @property
    def stored(self) -> int:
        """Payload bytes that are kept for it."""
        return self.client.stored + self.server.stored

    def swap(self) -> None:
        """The other end turned out to be the client. Only where the opening was not seen."""
        self.client, self.server = self.server, self.client
        self.client.from_client, self.server.from_client = True, False
        self.key = reverse(self.key)
        self.macs = self.macs[6:12] + self.macs[0:6]
