"""What destinations have stored and not proven yet, and the commitment requests by which they are asked for the proof.

A request is in the ledger before it is sent, so that its report is known whenever it comes, over whatever association.
Transaction and SOP Instance UIDs are keyed tags here. None of this is in the journal but the proofs themselves: a
rebuilt ledger sends again what was not proven. Times are Unix seconds and always come in as arguments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from appliance.seal import proof_report
from appliance.seal.index_key import IndexKey
from appliance.vault.ledger import Ledger

_SETTLED_AT_A_TIME = 500


class Sequel(Enum):
    """What becomes of an instance that a report calls failed."""

    RESEND = "resend"
    ASK = "ask"
    HOLD = "hold"


Judge = Callable[[int, int], tuple[Sequel, str]]
"""Gets a Failure Reason and how often a report has said of the instance that it is not there; gives the sequel and, for
a hold, why."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An instance that a destination stored and has not proven. `asks` counts the requests that named it."""

    object_id: str
    sop_class: str
    transfer_syntax: str
    asks: int


@dataclass(slots=True)
class Reported:
    """What a report came to, in objects. Whoever holds a transaction open knows it by `request`."""

    request: int | None = None
    """None: nobody asked for it."""
    again: bool = False
    """It came before, and changed nothing now."""
    proven: list[str] = field(default_factory=list)
    resent: list[str] = field(default_factory=list)
    asked_again: int = 0
    held: list[tuple[str, str]] = field(default_factory=list)
    """With the reason."""
    strange: int = 0
    """Instances that it names and the request did not."""
    unmentioned: int = 0
    """Instances that the request named and it does not."""


class Proofs:
    """The proofs that are owed. Thread-safe, as the ledger is. Every change is durable when its call returns."""

    def __init__(self, ledger: Ledger, index_key: IndexKey) -> None:
        self._ledger = ledger
        self._index_key = index_key

    def due(self, destination: str, before: float, limit: int) -> list[Stored]:
        """What a destination is to be asked for before `before`, the longest-due first."""
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(
                """SELECT o.object_id, o.sop_class, o.transfer_syntax, d.asks
                   FROM delivery AS d INDEXED BY delivery_stored CROSS JOIN object AS o ON o.id = d.object
                   WHERE d.destination = ? AND d.state = 'stored' AND d.due <= ? ORDER BY d.due LIMIT ?""",
                (destination, before, limit),
            )
            return [Stored(*row) for row in rows]

    def next_due(self, destination: str) -> float | None:
        """When the destination is to be asked for something; None if it owes no proof."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute(
                "SELECT min(due) FROM delivery INDEXED BY delivery_stored WHERE destination = ? AND state = 'stored'",
                (destination,),
            ).fetchone()
            due: float | None = row[0]
            return due

    def open_requests(self, destination: str, since: float) -> int:
        """How many requests of `since` and later have no report yet."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute(
                "SELECT count(*) FROM proof_request WHERE destination = ? AND answered IS NULL AND taken AND at >= ?",
                (destination, since),
            ).fetchone()
            count: int = row[0]
            return count

    def overdue(self, destination: str) -> int:
        """How many instances the destination was asked for more than once, since a report did not come in time."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute(
                "SELECT count(*) FROM delivery INDEXED BY delivery_asked "
                "WHERE destination = ? AND state = 'stored' AND asks > 1",
                (destination,),
            ).fetchone()
            count: int = row[0]
            return count

    def ask(self, destination: str, transaction: str, asked: Mapping[str, float], now: float) -> int:
        """A request is about to be sent. `asked` has the objects whose instances it names, and when each is due again
        unless a report comes. The number of the request."""
        with self._ledger.transaction() as sqlite:
            request = sqlite.execute(
                "INSERT INTO proof_request (destination, transaction_tag, at) VALUES (?, ?, ?)",
                (destination, self._index_key.tag("transaction", transaction), now),
            ).lastrowid
            assert request is not None
            for object_id, due in asked.items():
                sqlite.execute(
                    "INSERT INTO proof_reference SELECT ?, id FROM object WHERE object_id = ?", (request, object_id)
                )
                sqlite.execute(
                    """UPDATE delivery SET due = ?, asks = asks + 1
                       WHERE object = (SELECT id FROM object WHERE object_id = ?) AND destination = ?
                       AND state = 'stored'""",
                    (due, object_id, destination),
                )
        return request

    def not_asked(self, request: int, due: float) -> None:
        """Nobody knows whether the destination heard a request: what it named is due at `due`, as if it had not been
        asked. A report on it counts all the same."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                """UPDATE delivery SET due = ?1, asks = max(asks - 1, 0) WHERE state = 'stored'
                   AND destination = (SELECT destination FROM proof_request WHERE id = ?2)
                   AND object IN (SELECT object FROM proof_reference WHERE request = ?2)""",
                (due, request),
            )
            sqlite.execute("UPDATE proof_request SET taken = 0 WHERE id = ?", (request,))

    def refused(self, request: int) -> None:
        """The destination did not take a request; it counts as one all the same, but none that is open."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute("UPDATE proof_request SET taken = 0 WHERE id = ?", (request,))

    def hold(self, object_id: str, destination: str, error: str) -> bool:
        """No proof is to be had; a person decides. False where there is nothing unproven any more."""
        with self._ledger.transaction() as sqlite:
            return bool(_set(sqlite, object_id, destination, "state = 'held', error = ?", (error,)))

    def report(
        self,
        destination: str,
        transaction_tag: bytes,
        reasons: Mapping[tuple[str, bytes], int],
        judge: Judge,
        now: float,
        wall: float,
    ) -> Reported:
        """Take a report: `reasons` has a Failure Reason, or 0, by SOP class and the keyed tag of the instance. `wall`
        is the time at which proofs are dated; all else here goes by `now`."""
        with self._ledger.transaction() as sqlite:
            found = sqlite.execute(
                "SELECT id, answered FROM proof_request WHERE destination = ? AND transaction_tag = ?",
                (destination, transaction_tag),
            ).fetchone()
            if found is None:
                return Reported(strange=len(reasons))
            request, answered = found
            if answered is not None:
                return Reported(request, again=True)
            named: dict[tuple[str, bytes], list[tuple[int, str, int, int]]] = {}
            for sop_class, tag, *rest in sqlite.execute(
                """SELECT o.sop_class, o.instance_tag, o.id, o.object_id, d.status, d.missed
                   FROM proof_reference AS r JOIN object AS o ON o.id = r.object
                   JOIN delivery AS d ON d.object = o.id AND d.destination = ? WHERE r.request = ?""",
                (destination, request),
            ).fetchall():
                named.setdefault((sop_class, tag), []).append(tuple(rest))
            result = Reported(
                request, strange=len(reasons.keys() - named.keys()), unmentioned=len(named.keys() - reasons.keys())
            )
            for each, reason in reasons.items():
                for key, object_id, status, missed in named.get(each, ()):
                    if not reason:
                        self._ledger.delivered(object_id, destination, status or 0, wall)
                        result.proven.append(object_id)
                    elif self._newest(sqlite, destination, key) == request:
                        self._failed(sqlite, destination, object_id, judge(reason, missed), now, result)
            sqlite.execute("UPDATE proof_request SET answered = ? WHERE id = ?", (now, request))
            sqlite.execute("DELETE FROM proof_reference WHERE request = ?", (request,))
        return result

    def settle(self, destination: str, now: float) -> int:
        """Its status is proof enough now: what it stored is delivered. The number of objects."""
        count = 0
        while True:
            with self._ledger.transaction() as sqlite:
                rows = sqlite.execute(
                    """SELECT o.object_id, d.status FROM delivery AS d JOIN object AS o ON o.id = d.object
                       WHERE d.destination = ? AND d.state = 'stored' LIMIT ?""",
                    (destination, _SETTLED_AT_A_TIME),
                ).fetchall()
                for object_id, status in rows:
                    self._ledger.delivered(object_id, destination, status or 0, now)
            count += len(rows)
            if len(rows) < _SETTLED_AT_A_TIME:
                return count

    def forget(self, before: float, limit: int = 1000) -> int:
        """Drop requests of before `before`; the number of rows. A report on one of them is then of nobody's request."""
        with self._ledger.transaction() as sqlite:
            return sqlite.execute(
                "DELETE FROM proof_request WHERE id IN (SELECT id FROM proof_request WHERE at < ? LIMIT ?)",
                (before, limit),
            ).rowcount

    def tags(
        self, transaction: str, reasons: Mapping[tuple[str, str], int]
    ) -> tuple[bytes, dict[tuple[str, bytes], int]]:
        """A report as `report` takes it, from one with UIDs."""
        return proof_report.tags(self._index_key, transaction, reasons)

    @staticmethod
    def _newest(sqlite: sqlite3.Connection, destination: str, key: int) -> int:
        """The request in which an object was named last: what an earlier one calls failed may be mended by now."""
        row = sqlite.execute(
            "SELECT max(request) FROM proof_reference JOIN proof_request ON proof_request.id = request "
            "WHERE object = ? AND destination = ?",
            (key, destination),
        ).fetchone()
        newest: int = row[0] or 0
        return newest

    @staticmethod
    def _failed(
        sqlite: sqlite3.Connection,
        destination: str,
        object_id: str,
        judged: tuple[Sequel, str],
        now: float,
        result: Reported,
    ) -> None:
        sequel, why = judged
        if sequel is Sequel.RESEND:
            change = "state = 'waiting', due = ?, attempts = 0, missed = missed + 1"
            if _set(sqlite, object_id, destination, change, (now,)):
                result.resent.append(object_id)
        elif sequel is Sequel.ASK:
            result.asked_again += _set(sqlite, object_id, destination, "due = ?", (now,))
        elif _set(sqlite, object_id, destination, "state = 'held', error = ?", (why,)):
            result.held.append((object_id, why))


def _set(
    sqlite: sqlite3.Connection, object_id: str, destination: str, change: str, values: Iterable[float | str]
) -> int:
    """Change the row of an object that is stored and not proven; how many rows that were."""
    return sqlite.execute(
        f"UPDATE delivery SET {change} WHERE object = (SELECT id FROM object WHERE object_id = ?) "  # noqa: S608
        "AND destination = ? AND state = 'stored'",
        (*values, object_id, destination),
    ).rowcount
