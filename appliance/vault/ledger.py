"""The ledger: which objects the vault holds, and what is owed of them. One process owns it, `forward`.

Holds no UID and nothing else that names a patient: equality of studies, series and instances is equality of keyed tags.
It can be lost: recovery rebuilds it from the sealed records. So it is never the only place of an object's facts.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import Enum
from itertools import accumulate

from appliance.routing.retention import Proof, may_go, proven_at
from appliance.seal.record import Record
from appliance.vault import entries
from appliance.vault.deliveries import Deliveries
from appliance.vault.instances import WITH_TAG

_FIELDS = tuple(field.name for field in fields(Record))
_INSERT = (
    f"INSERT INTO object ({', '.join(_FIELDS)}, state, adopted) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_FIELDS))}, 'present', ?)"
)
SEGMENT_MARK = "segment "
"""Begins the name of the fact that says up to where a segment was taken over; the segment's id follows."""
HELD_BACK = "held back "
"""Begins the name of the fact that a person holds a destination back; its name follows."""

MISSING = "the object's file is missing"
ASIDE = "the object is in quarantine"

Pair = tuple[str, str]


class Kind(Enum):
    """What an object turned out to be at adoption."""

    NEW = "new"
    KNOWN = "known"  # it has its row already: a cut came between row and file
    DUPLICATE = "duplicate"  # same instance, same bytes: not kept
    CONFLICT = "conflict"  # same instance, other bytes: kept, and somebody should hear of it


@dataclass(frozen=True, slots=True)
class AdoptResult:
    """The kind, and for a duplicate or a conflict the object that was there first."""

    kind: Kind
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Objects in one state, and the bytes of their data sets."""

    objects: int
    bytes: int


class Ledger(Deliveries):
    """Objects and queues in one SQLite file. Thread-safe: one connection, one lock."""

    def adopt(
        self,
        record: Record,
        destinations: Iterable[str],
        now: float,
        present: Callable[[str], bool] = lambda _: True,
    ) -> AdoptResult:
        """Enter an object whose file is durable in `objects/`, and owe it to `destinations`.

        A duplicate gets no row; what it adds to the destinations is owed of the older one. It is only a duplicate if
        the older one is there: `present` looks for its file. Several calls within one `transaction` commit together.
        """
        with self.transaction() as sqlite:
            due = min(record.received, now)  # the clock may have been ahead when it came
            found = sqlite.execute("SELECT id, state FROM object WHERE object_id = ?", (record.object_id,)).fetchone()
            if found:
                if found[1] == "lost":
                    self._found_again(sqlite, found[0], now)
                return AdoptResult(Kind.KNOWN)
            other = None
            if record.instance_tag:
                for twin, object_id, same in self._twins(sqlite, record):
                    if not present(object_id):
                        self._except(sqlite, object_id, "lost", MISSING)
                    elif same:
                        if self._owe(sqlite, twin, record.received, due, destinations, now):
                            sqlite.execute("UPDATE object SET proven = NULL WHERE id = ?", (twin,))
                            self.enter(entries.owed(object_id, tuple(destinations), record.received))
                        return AdoptResult(Kind.DUPLICATE, object_id)
                    else:
                        other = object_id
            values = [getattr(record, field) for field in _FIELDS]
            key = sqlite.execute(_INSERT, (*values, now)).lastrowid
            assert key is not None
            self._owe(sqlite, key, record.received, due, destinations, now)
        return AdoptResult(Kind.CONFLICT, other) if other else AdoptResult(Kind.NEW)

    def unrouted(self, after: int, until: int) -> list[str]:
        """The objects that are owed to nobody, of the rows with numbers above `after` and up to `until`."""
        with self.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id FROM object WHERE id > ? AND id <= ? AND state = 'present' AND proven IS NULL "
                "AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.object = object.id)",
                (after, until),
            )
            return [object_id for (object_id,) in rows]

    def route_anew(self, object_id: str, destinations: Iterable[str], now: float) -> int:
        """Owe an object that was owed to nobody; the number of deliveries."""
        with self.transaction() as sqlite:
            key, received = sqlite.execute(
                "SELECT id, received FROM object WHERE object_id = ?", (object_id,)
            ).fetchone()
            if added := self._owe(sqlite, key, received, min(received, now), destinations, now):
                self.enter(entries.owed(object_id, tuple(destinations), received))
            return added

    def record(self, object_id: str) -> Record | None:
        """What the sealed record of an object says, or None for one that is not in the ledger."""
        with self.reading() as sqlite:
            row = sqlite.execute(
                f"SELECT {', '.join(_FIELDS)} FROM object WHERE object_id = ?",  # noqa: S608
                (object_id,),
            ).fetchone()
        return Record(*row) if row else None

    def state(self, object_id: str) -> str | None:
        """present, leaving, lost or quarantined; None for an object that is not in the ledger."""
        with self.reading() as sqlite:
            row = sqlite.execute("SELECT state FROM object WHERE object_id = ?", (object_id,)).fetchone()
            return row[0] if row else None

    def newest(self, limit: int, size: int) -> list[str]:
        """The objects that were entered last: `limit` at most, and `size` bytes of data sets together."""
        with self.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id, size FROM object WHERE state = 'present' ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        total = accumulate(length for _, length in rows)
        return [object_id for (object_id, _), so_far in zip(rows, total, strict=True) if so_far <= size]

    def ids(self, prefix: str, state: str = "present") -> list[str]:
        """The ids in one state that start with `prefix` (hex digits), in order."""
        with self.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id FROM object WHERE object_id >= ? AND object_id < ? AND state = ? ORDER BY object_id",
                (prefix, prefix + "g", state),
            )
            return [object_id for (object_id,) in rows]

    def exceptional(self, state: str) -> list[str]:
        """The ids in a state other than present: leaving, lost or quarantined."""
        with self.reading() as sqlite:
            rows = sqlite.execute("SELECT object_id FROM object WHERE state = ? AND state <> 'present'", (state,))
            return [object_id for (object_id,) in rows]

    def holdings(self) -> dict[str, Holding]:
        """Objects and bytes by state. The cost does not depend on the number of rows."""
        with self.reading() as sqlite:
            rows = sqlite.execute("SELECT state, rows, bytes FROM object_tally")
            return {state: Holding(count, size) for state, count, size in rows}

    def evictable(self, now: float, keep: float, limit: int) -> list[str]:
        """Objects that every one of their destinations proved at least `keep` seconds ago, the longest-proven first.

        An object that is owed to nobody was proven by nobody, and stays; so does one on hold.
        """
        with self.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT object_id FROM object INDEXED BY object_proven "
                "WHERE proven IS NOT NULL AND state = 'present' AND hold IS NULL AND proven <= ? "
                "ORDER BY proven LIMIT ?",
                (now - keep, limit),
            )
            return [object_id for (object_id,) in rows]

    def leave(self, object_ids: Iterable[str], now: float = math.inf, keep: float = 0.0) -> list[str]:
        """The files of these are about to be removed: from now on nothing claims that they are there.

        Returns those that may go, by what each destination's own row says. One that a duplicate made owed again, or a
        person put on hold, since `evictable` named it, is not among them.
        """
        with self.transaction() as sqlite:
            return [each for each in object_ids if self._may_go(sqlite, each, now, keep) and _left(sqlite, each)]

    @staticmethod
    def _may_go(sqlite: sqlite3.Connection, object_id: str, now: float, keep: float) -> bool:
        """What is noted at the object gives way where it is not what its rows say, or it would be asked for ever."""
        rows = sqlite.execute(
            "SELECT destination, CASE state WHEN 'delivered' THEN done END, state = 'held' FROM delivery "
            "WHERE object = (SELECT id FROM object WHERE object_id = ?)",
            (object_id,),
        )
        proofs = [Proof(destination, at, bool(held)) for destination, at, held in rows]
        if may_go(proofs, keep, now):
            return True
        sqlite.execute("UPDATE object SET proven = ? WHERE object_id = ?", (proven_at(proofs), object_id))
        return False

    def forget(self, object_id: str) -> None:
        """Remove an object and its deliveries from the ledger, once its file is durably gone.

        A record of it may still lie in a segment: see `keep_marks`.
        """
        with self.transaction() as sqlite:
            sqlite.execute(
                "DELETE FROM delivery WHERE object = (SELECT id FROM object WHERE object_id = ?)", (object_id,)
            )
            sqlite.execute("DELETE FROM object WHERE object_id = ?", (object_id,))

    def owe(self, object_id: str, destinations: Iterable[str], since: float) -> None:
        """An object is owed to destinations too; to those that have it or get it anyway nothing changes."""
        with self.transaction() as sqlite:
            row = sqlite.execute("SELECT id FROM object WHERE object_id = ?", (object_id,)).fetchone()
            if row and self._owe(sqlite, row[0], since, since, destinations, since):
                sqlite.execute("UPDATE object SET proven = NULL WHERE id = ?", row)

    def keep_marks(self) -> None:
        """Within a transaction that forgets objects: have the marks of segments outlive the ledger, or a rebuilt one
        would take a record that still lies in a segment for a new object."""
        if marks := self.facts(SEGMENT_MARK):
            self.enter(entries.marks(marks))

    def lost(self, object_id: str) -> None:
        """The file of an object is missing; what it owes is held, so that a person sees it."""
        with self.transaction() as sqlite:
            self._except(sqlite, object_id, "lost", MISSING)

    def quarantine(self, object_id: str) -> None:
        """The file of an object cannot be used and is being set aside; what it owes is held."""
        with self.transaction() as sqlite:
            self._except(sqlite, object_id, "quarantined", ASIDE)

    def note_accepted(self, destination: str, accepted: Iterable[Pair], refused: Iterable[Pair], now: float) -> None:
        """What a destination's association answered to (SOP class, transfer syntax) pairs."""
        with self.transaction() as sqlite:
            sqlite.executemany(
                "INSERT INTO accepted VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen",
                [(destination, *pair, now) for pair in accepted],
            )
            sqlite.executemany(
                "DELETE FROM accepted WHERE destination = ? AND sop_class = ? AND transfer_syntax = ?",
                [(destination, *pair) for pair in refused],
            )

    def accepted(self, destination: str) -> frozenset[Pair]:
        """The (SOP class, transfer syntax) pairs that a destination took lately."""
        with self.reading():
            rows = self.db["accepted"].rows_where("destination = ?", [destination])
            return frozenset((row["sop_class"], row["transfer_syntax"]) for row in rows)

    def fact(self, name: str) -> bytes | None:
        """A note about the ledger itself."""
        with self.reading():
            found = list(self.db["fact"].rows_where("name = ?", [name]))
            return found[0]["value"] if found else None

    def note_fact(self, name: str, value: bytes) -> None:
        """Keep a note about the ledger itself."""
        with self.transaction() as sqlite:
            sqlite.execute(
                "INSERT INTO fact (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def facts(self, prefix: str) -> dict[str, bytes]:
        """The notes whose names begin with `prefix`, by the rest of their names."""
        with self.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT substr(name, length(?1) + 1), value FROM fact WHERE substr(name, 1, length(?1)) = ?1", (prefix,)
            )
            return dict(rows)

    def drop_fact(self, name: str) -> None:
        """Forget a note, durably."""
        with self.transaction() as sqlite:
            sqlite.execute("DELETE FROM fact WHERE name = ?", (name,))

    @staticmethod
    def _twins(sqlite: sqlite3.Connection, record: Record) -> list[tuple[int, str, bool]]:
        """Present objects of the same instance, and whether they hold the same: those that do come first."""
        rows = sqlite.execute(
            f"""SELECT id, object_id, data_set_digest = :digest AND transfer_syntax = :transfer_syntax
                       AND sop_class = :sop_class AND size = :size AS same
                FROM object WHERE {WITH_TAG} AND state = 'present' ORDER BY same DESC, id LIMIT 100""",  # noqa: S608
            {
                "digest": record.data_set_digest,
                "transfer_syntax": record.transfer_syntax,
                "sop_class": record.sop_class,
                "size": record.size,
                "tag": record.instance_tag,
            },
        )
        return [(key, object_id, bool(same)) for key, object_id, same in rows]

    @staticmethod
    def _except(sqlite: sqlite3.Connection, object_id: str, state: str, error: str) -> None:
        sqlite.execute("UPDATE object SET state = ? WHERE object_id = ?", (state, object_id))
        sqlite.execute(
            "UPDATE delivery SET state = 'held', error = ? "
            "WHERE object = (SELECT id FROM object WHERE object_id = ?) AND "
            "state IN ('waiting', 'gathering', 'leased', 'stored')",
            (error, object_id),
        )

    @staticmethod
    def _found_again(sqlite: sqlite3.Connection, key: int, now: float) -> None:
        sqlite.execute("UPDATE object SET state = 'present' WHERE id = ?", (key,))
        sqlite.execute(
            "UPDATE delivery SET state = 'waiting', due = ?, error = '' "
            "WHERE object = ? AND state = 'held' AND error = ?",
            (now, key, MISSING),
        )


def _left(sqlite: sqlite3.Connection, object_id: str) -> bool:
    changed = sqlite.execute(
        "UPDATE object SET state = 'leaving' "
        "WHERE object_id = ? AND state = 'present' AND proven IS NOT NULL AND hold IS NULL",
        (object_id,),
    )
    return changed.rowcount == 1
