"""A new ledger learns from the journal what the objects do not tell: proofs, holds, commitment, segment marks.

Used once, at a start that found no ledger or a damaged one; before anything is delivered. What the journal cannot prove
is owed again, and where it lacks something that redelivery is spread over time: destinations are not flooded with what
they may have, and new objects go first. Every step may be done twice, so a rebuild that was cut off starts again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from appliance.base import limits
from appliance.vault import entries
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.entries import Entry
from appliance.vault.journal import Journal
from appliance.vault.ledger import HELD_BACK, SEGMENT_MARK, Ledger

COMPARED = "compared"
"""The fact that says that the ledger has all objects."""

_STRAYS = "strays after"


class Rebuild:
    """Call `resume_marks` before there is an `Adoption`, then `recovery.recover` with this."""

    def __init__(self, ledger: Ledger, journal: Journal, per_minute: int = limits.REDELIVERY.default) -> None:
        """`per_minute`: objects to each destination, where proofs are lacking."""
        self._ledger = ledger
        self._journal = journal
        self._per_minute = per_minute
        self.needed = ledger.fact(COMPARED) is None
        self.complete = False
        """Whether the journal lacked nothing; known after `replay`."""
        self.objects = 0
        """Objects that were found without a row."""
        self.again: dict[str, int] = {}
        """By destination, the deliveries that are made again, spread over time."""

    def resume_marks(self) -> None:
        """What was taken from segments stays taken, also of objects that have left since."""
        if not self.needed:
            return
        for batch in self._journal.read():
            for kind, *rest in batch:
                if kind == entries.MARKS:
                    with self._unmirrored():
                        for segment, mark in rest[0].items():
                            known = int.from_bytes(self._ledger.fact(SEGMENT_MARK + segment) or b"")
                            self._ledger.note_fact(SEGMENT_MARK + segment, max(mark, known).to_bytes(8))

    def begin(self) -> None:
        """What waited has its rows; those that come now are of objects that were there before."""
        if self.needed and self._ledger.fact(_STRAYS) is None:
            with self._ledger.reading() as sqlite:
                (newest,) = sqlite.execute("SELECT coalesce(max(id), 0) FROM object").fetchone()
            self._ledger.note_fact(_STRAYS, newest.to_bytes(8))

    def replay(self, now: float) -> Iterator[int]:
        """Apply the journal, a batch at a time: the number of entries so far. `now` is in Unix seconds."""
        if not self.needed:
            return
        done = 0
        reading = self._journal.read()
        for batch in reading:
            with self._unmirrored() as sqlite:
                for entry in batch:
                    self._apply(sqlite, entry, now)
            done += len(batch)
            yield done
        self.complete = reading.complete
        after = int.from_bytes(self._ledger.fact(_STRAYS) or b"")
        with self._ledger.transaction() as sqlite:
            (self.objects,) = sqlite.execute("SELECT count(*) FROM object WHERE id > ?", (after,)).fetchone()
            if not self.complete:
                self._spread(sqlite, after, now)

    @property
    def minutes(self) -> int:
        """How long the redelivery takes at least."""
        return -(-max(self.again.values(), default=0) // self._per_minute)

    def _spread(self, sqlite: sqlite3.Connection, after: int, now: float) -> None:
        """Newest first, one every so often; what comes meanwhile is due at once, and so goes before them."""
        sqlite.execute(
            """UPDATE delivery SET due = ? + ranked.place * ? FROM (
                   SELECT object, destination,
                          row_number() OVER (PARTITION BY destination ORDER BY since DESC, object DESC) AS place
                   FROM delivery WHERE state = 'waiting' AND object > ?) AS ranked
               WHERE delivery.object = ranked.object AND delivery.destination = ranked.destination""",
            (now, 60 / self._per_minute, after),
        )
        rows = sqlite.execute(
            "SELECT destination, count(*) FROM delivery WHERE state = 'waiting' AND object > ? GROUP BY destination",
            (after,),
        )
        self.again = dict(rows.fetchall())

    def _apply(self, sqlite: sqlite3.Connection, entry: Entry, now: float) -> None:
        match entry:
            case [entries.PROOF, object_id, destination, status, at]:
                self._ledger.owe(object_id, [destination], at)  # who proved it was owed it, wherever routes lead today
                self._ledger.delivered(object_id, destination, status, at)
            case [entries.OWED, object_id, destinations, since]:
                self._ledger.owe(object_id, destinations, since)
            case [entries.HOLD, object_id, at]:
                sqlite.execute("UPDATE object SET hold = ? WHERE object_id = ?", (at, object_id))
            case [entries.RELEASE, object_id]:
                sqlite.execute("UPDATE object SET hold = NULL WHERE object_id = ?", (object_id,))
            case [entries.STOP, destination, at]:
                self._ledger.note_fact(HELD_BACK + destination, repr(float(at)).encode())
            case [entries.GO, destination]:
                self._ledger.drop_fact(HELD_BACK + destination)
            case [entries.KEEP_BACK, object_id, destination, at]:
                DeliveryHolds(self._ledger).hold([object_id], destination, at)
            case [entries.LET_GO, object_id, destination]:
                DeliveryHolds(self._ledger).release([object_id], destination, now)
            case [entries.COMMITMENT, *row]:
                _restore(sqlite, row, now)
            case [entries.DECIDED, request_id, reasons, _]:
                sqlite.execute(
                    "UPDATE commitment SET state = 'decided', reasons = ? WHERE request_id = ? AND state = 'asked'",
                    (entries.blob(reasons), request_id),
                )
            case [entries.ENDED, request_id, state, at]:
                sqlite.execute(
                    "UPDATE commitment SET state = ?, ended = ?, request = NULL, reasons = NULL WHERE request_id = ?",
                    (state, at, request_id),
                )
            case _:  # marks, or of a later version
                pass

    @contextmanager
    def _unmirrored(self) -> Iterator[sqlite3.Connection]:
        """A transaction of which nothing goes into the journal: it came from there."""
        mirror, self._ledger.mirror = self._ledger.mirror, None
        try:
            with self._ledger.transaction() as sqlite:
                yield sqlite
        finally:
            self._ledger.mirror = mirror


def _restore(sqlite: sqlite3.Connection, row: list[Any], now: float) -> None:
    values = dict(zip(entries.COMMITMENT_COLUMNS, row, strict=True))
    values |= {column: entries.blob(values[column]) for column in entries.BLOBS}
    values["state"] = "decided" if values["state"] == "kept" else values["state"]
    columns = (*entries.COMMITMENT_COLUMNS, "due")
    sqlite.execute(
        f"INSERT OR IGNORE INTO commitment ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
        (*(values[column] for column in entries.COMMITMENT_COLUMNS), now),
    )
