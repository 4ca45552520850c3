"""Who delivers where: the queue of each destination and the couriers that work for it, as the configuration says now.

A changed entry gets couriers of its own; those of before end after the instance that is under way, which goes on under
what it began with. The queue of a destination stays for as long as the program runs, with what it could not write yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from appliance.config.destinations import AnyDestination
from appliance.config.model import Config
from appliance.config.plaintext import needs_plaintext
from appliance.delivery.courier import Courier
from appliance.delivery.gate import Gate
from appliance.delivery.keyring import Keyring
from appliance.delivery.kinds import connector, own_title
from appliance.delivery.pacing import Pace, Pass, unlimited
from appliance.delivery.queue import DestinationQueue
from appliance.delivery.session import Connect
from appliance.seal.index_key import IndexKey
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects


@dataclass(frozen=True, slots=True)
class Plan:
    """A destination as it is to be served: the entry, as whom we call, and what opens sessions."""

    entry: AnyDestination
    own_ae: str | None
    connect: Connect
    spend: Pass

    def serves_like(self, other: Plan | None) -> bool:
        """Whether couriers of the other need not go."""
        return other is not None and (self.entry, self.own_ae) == (other.entry, other.own_ae)


class Destinations:
    """All of them. `configure` is called by one thread; the rest may be by any."""

    def __init__(
        self,
        ledger: Ledger,
        objects: Objects,
        keyring: Keyring,
        index_key: IndexKey,
        *,
        now: Callable[[], float],
        on_change: Callable[[], None],
        on_learned: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._keyring = keyring
        self._index_key = index_key
        self._now = now
        self._on_change = on_change
        self._on_learned = on_learned
        self._all: dict[str, DestinationQueue] = {}  # those that were taken out of the configuration too
        self._plans: dict[str, Plan] = {}
        self._couriers: dict[str, list[Courier]] = {}
        self._retired: list[Courier] = []
        self._started = False
        self.queues: Mapping[str, DestinationQueue] = {}
        """Those of the configuration in force, by name."""

    def plan(self, config: Config) -> list[Plan]:
        """What `configure` takes. Raises ConfigError where a destination cannot be served as it says."""
        return [
            Plan(
                each,
                own_title(each, config.appliance.ae_title),
                connector(each, self._index_key),
                Pace(each.bandwidth).spend if each.bandwidth else unlimited,
            )
            for each in config.destination
        ]

    def configure(self, plans: list[Plan]) -> None:
        """Serve these from now on, and no others."""
        wanted = {plan.entry.name: plan for plan in plans}
        for name in self._plans.keys() - wanted.keys():
            self._retire(name)
        self._plans = {name: plan for name, plan in self._plans.items() if name in wanted}
        self.queues = {name: self._queue(plan.entry) for name, plan in wanted.items()}
        for name, plan in wanted.items():
            if plan.serves_like(self._plans.get(name)):
                continue
            self._retire(name)
            self._plans[name] = plan
            self._couriers[name] = self._hire(plan)
            if self._started:
                self.queues[name].renewed(plan.entry.schedule)
                for courier in self._couriers[name]:
                    courier.start()

    @property
    def with_plaintext(self) -> list[DestinationQueue]:
        """The queues of those that need an identity on this box."""
        return [self.queues[name] for name, plan in self._plans.items() if needs_plaintext(plan.entry)]

    def start(self) -> None:
        """Begin to deliver."""
        self._started = True
        for couriers in self._couriers.values():
            for courier in couriers:
                courier.start()

    def wake(self, names: set[str]) -> None:
        """There is something new for these."""
        for name in names:
            if queue := self.queues.get(name):
                queue.wake()

    def stop(self) -> None:
        """Let everybody end after the instance that is under way."""
        for queue in self._all.values():
            queue.stop()

    def join(self, deadline: float) -> bool:
        """Wait for them until `deadline` (monotonic). False where somebody is still at work."""
        couriers = [*self._retired, *(each for couriers in self._couriers.values() for each in couriers)]
        for courier in couriers:
            courier.join(max(0.0, deadline - time.monotonic()))
        self.write_proofs()  # those of who is still at work
        return not any(courier.is_alive() for courier in couriers)

    def write_proofs(self) -> None:
        """Write what was stored and is not written yet: couriers that are long at work, or gone, may not come to it."""
        for queue in self._all.values():
            queue.write_proofs()

    def alive(self) -> bool:
        """Whether all that should work do."""
        return all(courier.is_alive() for couriers in list(self._couriers.values()) for courier in couriers)

    def _queue(self, entry: AnyDestination) -> DestinationQueue:
        if entry.name not in self._all:
            self._all[entry.name] = DestinationQueue(
                entry.name,
                self._ledger,
                on_change=self._on_change,
                on_learned=self._on_learned,
                gate=Gate(entry.schedule),
                now=self._now,
            )
            if since := DeliveryHolds(self._ledger).destinations().get(entry.name):
                self._all[entry.name].pause(since)
        return self._all[entry.name]

    def _hire(self, plan: Plan) -> list[Courier]:
        """The couriers of a destination; nobody for one that could never be served."""
        if self._keyring.state == "absent" and needs_plaintext(plan.entry):
            return []
        queue = self.queues[plan.entry.name]
        return [
            Courier(queue, plan.connect, self._objects, self._keyring, plan.own_ae, plan.spend)
            for _ in range(plan.entry.associations)
        ]

    def _retire(self, name: str) -> None:
        gone = self._couriers.pop(name, [])
        for courier in gone:
            courier.retire()
        self._retired = [each for each in (*self._retired, *gone) if each.is_alive()]
