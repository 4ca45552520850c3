"""Who may have how many connections. Pure counting, so that strangers cannot crowd out registered devices.

A connection is pending until its A-ASSOCIATE-RQ was answered, then an association. Strangers (addresses of no peer)
have a small share of the pending places and only while places are free; registered addresses can always use the rest.
Where a registered address has used up its share, its oldest pending connection makes room for its newest: a device that
means it associates within milliseconds, and what hangs around at its address must not keep it out.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.base import limits
from appliance.config.values import Address, Network

_STRANGER_SHARE = 4  # strangers get a quarter of the pending places together
_STRANGER_EACH = 16
_REGISTERED_EACH = 128


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection was closed before a byte of it was read."""

    reason: str
    advice: str


@dataclass(slots=True, eq=False)
class Place:
    """The place that one connection takes, and the older one that has to go for it, if there was no other way.

    `displaced` says that this place went for another: it counts no more, though its connection may not be shut yet.
    """

    address: Address
    stranger: bool
    number: int = 0  # the connection's, given by the acceptor
    instead_of: Place | None = None
    associated: bool = False
    displaced: bool = False


class Slots:
    """Counts by address. `networks` are the addresses of registered peers."""

    def __init__(self, max_associations: int, networks: tuple[Network, ...]) -> None:
        self._max_pending = limits.PENDING_HANDSHAKES.default
        self._pending: dict[Address, dict[Place, None]] = {}  # of each address, the oldest first
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
        refusal = self._objection(address) if stranger else None
        if refusal:
            return refusal
        place = Place(address, stranger)
        if not stranger:
            place.instead_of = self._displace(address)
        self._pending.setdefault(address, {})[place] = None
        self.pending += 1
        self._strangers_pending += stranger
        return place

    def _objection(self, address: Address) -> Refusal | None:
        """Why a stranger gets no place."""
        if self.pending >= self._max_pending:
            return Refusal(
                f"{self.pending} connections have not associated yet", "Look for a flood in the sensor's alerts."
            )
        if len(self._pending.get(address, ())) >= _STRANGER_EACH:
            return Refusal(
                f"this address has {_STRANGER_EACH} connections that have not associated", "Look at the device."
            )
        if self._strangers_pending >= self._max_pending // _STRANGER_SHARE:
            return Refusal(
                f"unregistered addresses have {self._strangers_pending} connections that have not associated",
                "If this device is yours, add its address to a [[peer]] entry.",
            )
        return None

    def _displace(self, address: Address) -> Place | None:
        """Make room for a registered address: at its own cost, or at that of whoever has most."""
        if len(self._pending.get(address, ())) >= _REGISTERED_EACH:
            crowd = self._pending[address]
        elif self.pending >= self._max_pending:
            crowd = max(self._pending.values(), key=len)
        else:
            return None
        oldest = next(iter(crowd))
        self._leave_pending(oldest)
        oldest.displaced = True
        return oldest

    def associated(self, place: Place) -> None:
        """A pending connection became an association; a displaced one, if it was faster than we."""
        if not place.displaced:
            self._leave_pending(place)
        place.associated = True
        self.associations += 1

    def left(self, place: Place) -> None:
        """A connection ended."""
        if place.associated:
            self.associations -= 1
        elif not place.displaced:
            self._leave_pending(place)

    def _leave_pending(self, place: Place) -> None:
        self.pending -= 1
        self._strangers_pending -= place.stranger
        del self._pending[place.address][place]
        if not self._pending[place.address]:
            del self._pending[place.address]
