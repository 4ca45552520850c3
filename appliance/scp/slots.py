"""Who may have how many connections. Pure counting, so that strangers cannot crowd out registered devices.

A connection is pending until its A-ASSOCIATE-RQ was answered, then an association. Strangers (addresses of no peer)
have a small share of the pending places and only while places are free; registered addresses can always use the rest.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from appliance.base import limits
from appliance.config.values import Address, Network

_STRANGER_SHARE = 4  # strangers get a quarter of the pending places together
_STRANGER_EACH = 16
_REGISTERED_EACH = 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection was closed before a byte of it was read."""

    reason: str
    advice: str


@dataclass(slots=True)
class Place:
    """The place that one connection takes."""

    address: Address
    stranger: bool
    associated: bool = False


class Slots:
    """Counts by address. `networks` are the addresses of registered peers."""

    def __init__(self, max_associations: int, networks: tuple[Network, ...]) -> None:
        self._max_pending = limits.PENDING_HANDSHAKES.default
        self._pending: Counter[Address] = Counter()
        self._strangers_pending = 0
        self.pending = 0
        self.associations = 0
        self.configure(max_associations, networks)

    def configure(self, max_associations: int, networks: tuple[Network, ...]) -> None:
        """Take over a new configuration; places that are taken stay taken."""
        self._max_associations = max_associations
        self._networks = networks

    def registered(self, address: Address) -> bool:
        """Whether the address belongs to a peer of the configuration."""
        return any(address.version == network.version and address in network for network in self._networks)

    def take(self, address: Address) -> Place | Refusal:
        """Take a pending place for a new connection, or say why there is none."""
        stranger = not self.registered(address)
        if self.associations >= self._max_associations:
            return Refusal(
                f"{self.associations} associations are open", "Raise receive.max_associations if they are all wanted."
            )
        if self.pending >= self._max_pending:
            return Refusal(
                f"{self.pending} connections have not associated yet", "Look for a flood in the sensor's alerts."
            )
        each = _STRANGER_EACH if stranger else _REGISTERED_EACH
        if self._pending[address] >= each:
            return Refusal(f"this address has {each} connections that have not associated", "Look at the device.")
        if stranger and self._strangers_pending >= self._max_pending // _STRANGER_SHARE:
            return Refusal(
                f"unregistered addresses have {self._strangers_pending} connections that have not associated",
                "If this device is yours, add its address to a [[peer]] entry.",
            )
        self._pending[address] += 1
        self.pending += 1
        self._strangers_pending += stranger
        return Place(address, stranger)

    def associated(self, place: Place) -> None:
        """A pending connection became an association."""
        self._leave_pending(place)
        place.associated = True
        self.associations += 1

    def left(self, place: Place) -> None:
        """A connection ended."""
        if place.associated:
            self.associations -= 1
        else:
            self._leave_pending(place)

    def _leave_pending(self, place: Place) -> None:
        self.pending -= 1
        self._strangers_pending -= place.stranger
        self._pending[place.address] -= 1
        if not self._pending[place.address]:
            del self._pending[place.address]
