"""What is leased for a destination and handed to none of its couriers yet, and how much of it each may have.

Not thread-safe: its queue has the lock. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from appliance.vault.deliveries import Lease


class Ready:
    """Leases in the order in which they were taken, and who is at work on others."""

    def __init__(self) -> None:
        self._leases: list[Lease] = []
        self._at_work: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._leases)

    def leases(self) -> list[Lease]:
        """All of them."""
        return list(self._leases)

    def add(self, leases: Iterable[Lease]) -> None:
        """These were leased."""
        self._leases += leases

    def returned(self, courier: int) -> None:
        """This one has nothing more to do."""
        self._at_work.discard(courier)

    def share(self, courier: int, sessions: int, suits: Callable[[Lease], bool]) -> list[Lease]:
        """Hand as many to this courier as it may have, so that all that are at work, and all with one of the
        `sessions`, end at the same time. Those that suit it come first. Where none does it has to associate anew, and
        gets all that came from the same caller."""
        self._at_work.add(courier)
        count = -(-len(self._leases) // max(sessions, len(self._at_work)))
        share = list(islice(filter(suits, self._leases), count))
        if self._leases and not share:
            share = [lease for lease in self._leases if lease.calling_ae == self._leases[0].calling_ae]
        for lease in share:  # few, and mostly the first
            self._leases.remove(lease)
        return share

    def withdraw(self) -> list[Lease]:
        """All of them; then there are none."""
        leases, self._leases = self._leases, []
        return leases
