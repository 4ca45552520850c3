"""Who is owed what: one row for each object and destination, leased to a worker for a while.

Rows go waiting → leased → delivered, or back to waiting for another try, or to held for a person. Where a status is not
proof enough they are stored before they are delivered; `proofs.py` has that part of the way. A lease that ends without
a word counts as waiting, so no crash strands a row. Times are Unix seconds and always come in as arguments.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.base.text import wash
from appliance.vault import entries
from appliance.vault.gathering import NEXT as NEXT_STUDY
from appliance.vault.gathering import Gathering

_IDENTIFYING = re.compile(r"\d+(?:\.\d+){4,}|\d{6,}")  # UIDs, and digits long enough for an id or a date
_REASON_LENGTH = 200
_ANY = 1 << 62
BY_A_PERSON = "a person holds it back"
"""The reason of a row that is held by a person's word alone; see `delivery_holds.py`."""


@dataclass(frozen=True, slots=True)
class Lease:
    """One object that a worker may now deliver. `attempts` counts this one: 1 is the first. `size` is in bytes."""

    object_id: str
    destination: str
    attempts: int
    expires: float
    received: float
    peer: str
    calling_ae: str
    called_ae: str
    sop_class: str
    transfer_syntax: str
    modality: str
    size: int


@dataclass(frozen=True, slots=True)
class Queue:
    """The rows of one destination; `oldest` is when the longest-owed object was received, None if none is owed."""

    waiting: int = 0
    gathering: int = 0
    leased: int = 0
    stored: int = 0
    held: int = 0
    delivered: int = 0
    oldest: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery that waits for a person."""

    object_id: str
    destination: str
    error: str
    received: float
    attempts: int


_DUE = """SELECT d.object, d.attempts + 1, o.object_id, o.received, o.peer, o.calling_ae, o.called_ae,
                 o.sop_class, o.transfer_syntax, o.modality, o.size
          FROM delivery AS d INDEXED BY delivery_due CROSS JOIN object AS o ON o.id = d.object
          WHERE d.destination = ? AND d.state IN ('waiting', 'leased') AND d.due <= ? ORDER BY d.due"""
LONGEST_DUE = f"{_DUE} LIMIT ?"
LATELY_DUE = f"{_DUE} DESC LIMIT ?"
NEXT_DUE = """SELECT min(due) FROM delivery INDEXED BY delivery_due
              WHERE destination = ? AND state IN ('waiting', 'leased')"""
OLDEST = """SELECT min(since) FROM delivery INDEXED BY delivery_since
            WHERE destination = ? AND state <> 'delivered'"""
OLDEST_RIPE = f"{OLDEST} AND state <> 'gathering'"


class Deliveries(Gathering):
    """The queues of the ledger. Every change is durable when its call returns."""

    def lease(
        self, destination: str, now: float, lease_seconds: float, limit: int, fresh: int = 0, most_bytes: int = _ANY
    ) -> list[Lease]:
        """Take up to `limit` deliveries that are due; nobody else gets them until the lease ends. The longest-due come
        first, but the last `fresh` of them are those that became due last: behind a backlog of days, what a modality
        sends now need not wait for days. Neither part has more than `most_bytes` in all, but for a single one that is
        longer. The cost depends on `limit` alone."""
        leases: list[Lease] = []
        expires = now + lease_seconds
        with self.transaction() as sqlite:
            self._complete(sqlite, destination, now)
            for select, count in ((LONGEST_DUE, limit - fresh), (LATELY_DUE, fresh)):
                rows = _up_to(most_bytes, sqlite.execute(select, (destination, now, count)).fetchall())
                sqlite.executemany(
                    "UPDATE delivery SET state = 'leased', due = ?, attempts = ? WHERE object = ? AND destination = ?",
                    [(expires, attempts, key, destination) for key, attempts, *_ in rows],
                )
                leases += [
                    Lease(object_id, destination, attempts, expires, *rest) for _, attempts, object_id, *rest in rows
                ]
        return leases

    def delivered(self, object_id: str, destination: str, status: int, now: float) -> bool:
        """The destination proved that it holds the object. True when it was the last one that owed a proof."""
        with self.transaction() as sqlite:
            changed = sqlite.execute(
                """UPDATE delivery SET state = 'delivered', status = ?, done = ?, error = ''
                   WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ?
                   AND state <> 'delivered'""",
                (status, now, object_id, destination),
            )
            if not changed.rowcount:
                return False  # it owed none, or gave it before
            self.enter(entries.proof(object_id, destination, status, now))
            proven = sqlite.execute(
                """UPDATE object SET proven = ? WHERE object_id = ? AND proven IS NULL AND NOT EXISTS
                   (SELECT 1 FROM delivery WHERE object = object.id AND state <> 'delivered')""",
                (now, object_id),
            )
            return proven.rowcount == 1

    def stored(self, object_id: str, destination: str, status: int, now: float, ask: float) -> None:
        """The destination says that it stored the object; it is to be asked for a proof at `ask`. What it answers to
        requests from before this is no word about what it has now."""
        with self.transaction() as sqlite:
            changed = sqlite.execute(
                """UPDATE delivery SET state = 'stored', status = ?, done = ?, due = ?, asks = 0, error = ''
                   WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ?
                   AND state = 'leased'""",
                (status, now, ask, object_id, destination),
            )
            if changed.rowcount:
                sqlite.execute(
                    """DELETE FROM proof_reference WHERE object = (SELECT id FROM object WHERE object_id = ?)
                       AND request IN (SELECT id FROM proof_request WHERE destination = ?)""",
                    (object_id, destination),
                )

    def retry(self, object_id: str, destination: str, not_before: float, error: str) -> None:
        """A lease ended in a temporary failure; the row is due again at `not_before`."""
        self._end_lease(
            """UPDATE delivery SET state = 'waiting', due = ?, error = ?
               WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ? AND state = 'leased'""",
            (not_before, _reason(error), object_id, destination),
        )

    def hold(self, object_id: str, destination: str, error: str) -> None:
        """A lease ended in a permanent failure; the row waits for a person."""
        self._end_lease(
            """UPDATE delivery SET state = 'held', error = ?
               WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ? AND state = 'leased'""",
            (_reason(error), object_id, destination),
        )

    def give_back(self, object_id: str, destination: str, now: float) -> None:
        """A lease was not used: the row waits as if it had not been taken, in its old place."""
        self._end_lease(
            """UPDATE delivery SET state = 'waiting', due = min(since, ?), attempts = attempts - 1
               WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ? AND state = 'leased'""",
            (now, object_id, destination),
        )

    def release(self, object_id: str, destination: str, now: float) -> bool:
        """A person sends one row on that is held, or gathers with its study; its attempts count anew. False if it is
        neither, or its file is gone."""
        with self.transaction() as sqlite:
            changed = sqlite.execute(
                """UPDATE delivery SET state = 'waiting', due = ?, attempts = 0
                   WHERE object = (SELECT id FROM object WHERE object_id = ? AND state = 'present')
                   AND destination = ? AND state IN ('held', 'gathering')""",
                (now, object_id, destination),
            )
            return changed.rowcount == 1

    def retry_held(self, destination: str | None, now: float) -> int:
        """Send on all that is held for a destination, or for all of them, but what a person holds back; the number of
        rows."""
        with self.transaction() as sqlite:
            return sqlite.execute(
                """UPDATE delivery INDEXED BY delivery_held SET state = 'waiting', due = ?1, attempts = 0
                   WHERE state = 'held' AND (destination = ?2 OR ?2 IS NULL) AND error <> ?3
                   AND object IN (SELECT id FROM object WHERE id = delivery.object AND state = 'present')""",
                (now, destination, BY_A_PERSON),
            ).rowcount

    def held(self, destination: str | None = None, limit: int = 1000) -> list[Held]:
        """What waits for a person, oldest first."""
        with self.reading() as sqlite:
            return [
                Held(*row)
                for row in sqlite.execute(
                    """SELECT o.object_id, d.destination, d.error, d.since, d.attempts
                       FROM delivery AS d INDEXED BY delivery_held CROSS JOIN object AS o ON o.id = d.object
                       WHERE d.state = 'held' AND (d.destination = ?1 OR ?1 IS NULL) ORDER BY d.since LIMIT ?2""",
                    (destination, limit),
                )
            ]

    def next_due(self, destination: str, now: float) -> float | None:
        """When `lease` next has something: `now` or later, None if nothing is owed."""
        with self.reading() as sqlite:
            found = [sqlite.execute(each, (destination,)).fetchone()[0] for each in (NEXT_DUE, NEXT_STUDY)]
            dues = [due for due in found if due is not None]
            return max(now, min(dues)) if dues else None

    def counts(self) -> dict[str, Queue]:
        """The queues by destination. The cost does not depend on the number of rows."""
        found: dict[str, dict[str, int]] = {}
        with self.reading() as sqlite:
            for destination, state, rows in sqlite.execute("SELECT destination, state, rows FROM delivery_tally"):
                found.setdefault(destination, {})[state] = rows
            oldest = {
                name: sqlite.execute(OLDEST_RIPE if states.get("gathering") else OLDEST, (name,)).fetchone()[0]
                for name, states in found.items()
            }
        return {name: Queue(**states, oldest=oldest[name]) for name, states in sorted(found.items())}

    def take_back_leases(self, now: float) -> int:
        """At start-up: all leases are of the dead, for the ledger has one owner. The number of rows."""
        with self.transaction() as sqlite:
            return sqlite.execute(
                "UPDATE delivery SET state = 'waiting', due = min(since, ?) WHERE (object, destination) IN "
                "(SELECT object, destination FROM delivery INDEXED BY delivery_due "
                "WHERE state IN ('waiting', 'leased') AND state = 'leased')",
                (now,),
            ).rowcount

    def mend_waits(self, now: float, longest: float, apart: float) -> int:
        """At start-up: what waits for longer than anything may, since the clock was ahead when that was written, is due
        now. The number of rows. `longest` is in seconds, and `apart` more for each row that waits."""
        changed = 0
        for destination, queue in self.counts().items():
            latest = now + longest + apart * queue.waiting
            with self.transaction() as sqlite:
                changed += sqlite.execute(
                    "UPDATE delivery INDEXED BY delivery_due SET due = min(since, ?) "
                    "WHERE destination = ? AND state IN ('waiting', 'leased') AND due > ?",
                    (now, destination, latest),
                ).rowcount
        return changed

    def _end_lease(self, update: str, values: tuple[float | str, ...]) -> None:
        """Only a leased row changes: one that was delivered meanwhile, after its lease had run out, stays so."""
        with self.transaction() as sqlite:
            sqlite.execute(update, values)

    @staticmethod
    def _owe(
        sqlite: sqlite3.Connection, key: int, since: float, due: float, destinations: Iterable[str], now: float
    ) -> int:
        """Add the rows of an object that are not there yet; the number added. A mapping of destinations has the quiet
        time of the study in seconds for each, 0 for one that gets the object at once."""
        quiets = destinations if isinstance(destinations, Mapping) else {}
        added = 0
        for destination in destinations:
            quiet = quiets.get(destination, 0.0)
            changed = sqlite.execute(
                "INSERT INTO delivery (object, destination, state, since, due) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (key, destination, "gathering" if quiet else "waiting", since, due),
            ).rowcount
            if quiet and changed:
                Gathering._gather(sqlite, key, destination, quiet, now)
            added += changed
        return added


def _up_to(most_bytes: int, rows: list[Any]) -> list[Any]:
    """As many of these rows as have so many bytes together, but one at least; the size comes last in each."""
    total = 0
    for number, row in enumerate(rows):
        total += row[-1]
        if number and total > most_bytes:
            return rows[:number]
    return rows


def _reason(error: str) -> str:
    """A failure in words fit for the ledger. Callers give their own words, never a peer's; this is the second lock."""
    return _IDENTIFYING.sub("#", wash(error, _REASON_LENGTH))
