"""Deliveries that a person holds back: all of a destination, or single ones. They wait until the person lets them go.

What is held back is in the ledger and in the journal, both durable, when a call returns. It keeps nothing here that may
leave: a delivery that is held back is owed, so its object stays by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from appliance.vault import entries
from appliance.vault.deliveries import BY_A_PERSON
from appliance.vault.ledger import HELD_BACK, Ledger

_FIND = "object = (SELECT id FROM object WHERE object_id = ?) AND destination = ?"


class DeliveryHolds:
    """What is held back of a ledger's deliveries. Thread-safe, as the ledger is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def destinations(self) -> dict[str, float]:
        """The destinations that are held back, and since when."""
        return {name: float(value) for name, value in self._ledger.facts(HELD_BACK).items()}

    def hold_destination(self, destination: str, now: float) -> float:
        """Hold a destination back; since when it is, which may be before now."""
        with self._ledger.transaction():
            known = self._ledger.fact(HELD_BACK + destination)
            since = float(known) if known else now
            self._ledger.note_fact(HELD_BACK + destination, repr(since).encode())
            self._ledger.enter(entries.stop(destination, since))
        return since

    def release_destination(self, destination: str) -> bool:
        """Let a destination go; False if it was not held back."""
        with self._ledger.transaction():
            found = self._ledger.fact(HELD_BACK + destination) is not None
            self._ledger.drop_fact(HELD_BACK + destination)
            self._ledger.enter(entries.go(destination))
        return found

    def hold(self, object_ids: Iterable[str], destination: str, now: float) -> tuple[list[str], list[str]]:
        """Hold single deliveries back. Those that are, and those that are not owed. One that is on its way now ends as
        it ends; where that is no success it is not tried again."""
        return self._each(
            object_ids,
            destination,
            f"UPDATE delivery SET state = 'held', error = '{BY_A_PERSON}' "  # noqa: S608, our own words
            f"WHERE {_FIND} AND state IN ('waiting', 'gathering', 'leased', 'held')",
            (),
            lambda object_id: entries.keep_back(object_id, destination, now),
        )

    def release(self, object_ids: Iterable[str], destination: str, due: float) -> tuple[list[str], list[str]]:
        """Let single deliveries go, from `due` on. Those that go, and those that were not held back by a person."""
        return self._each(
            object_ids,
            destination,
            f"UPDATE delivery SET due = ?, state = 'waiting', attempts = 0, error = '' "  # noqa: S608
            f"WHERE {_FIND} AND state = 'held' AND error = '{BY_A_PERSON}' "
            "AND object IN (SELECT id FROM object WHERE id = delivery.object AND state = 'present')",
            (due,),
            lambda object_id: entries.let_go(object_id, destination),
        )

    def _each(
        self,
        object_ids: Iterable[str],
        destination: str,
        update: str,
        values: tuple[float, ...],
        entry: Callable[[str], entries.Entry],
    ) -> tuple[list[str], list[str]]:
        changed, others = [], []
        with self._ledger.transaction() as sqlite:
            for object_id in object_ids:
                if sqlite.execute(update, (*values, object_id, destination)).rowcount:
                    self._ledger.enter(entry(object_id))
                    changed.append(object_id)
                else:
                    others.append(object_id)
        return changed, others
