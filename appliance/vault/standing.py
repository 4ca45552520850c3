"""What stands in the ledger and must outlive it, as entries: what the journal is written anew from.

Reads a bounded number of rows at a time, so the queues go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.vault import entries
from appliance.vault.deliveries import BY_A_PERSON
from appliance.vault.entries import COMMITMENT_COLUMNS, Entry
from appliance.vault.ledger import HELD_BACK, SEGMENT_MARK, Ledger

_WINDOW = 1000  # objects, or requests, at a time


def standing(ledger: Ledger) -> Iterator[list[Entry]]:
    """The entries, in batches. What changes meanwhile may be among them or not: it is in the journal anyway."""
    if marks := ledger.facts(SEGMENT_MARK):
        yield [entries.marks(marks)]
    if held_back := ledger.facts(HELD_BACK):
        yield [entries.stop(name, float(value)) for name, value in held_back.items()]
    after = 0
    while True:
        with ledger.reading() as sqlite:
            last, count = sqlite.execute(
                "SELECT max(id), count(*) FROM (SELECT id FROM object WHERE id > ? ORDER BY id LIMIT ?)",
                (after, _WINDOW),
            ).fetchone()
            if not count:
                break
            owing = sqlite.execute(
                "SELECT object_id, destination, since FROM delivery JOIN object ON object.id = delivery.object "
                "WHERE delivery.object > ? AND delivery.object <= ? AND delivery.state <> 'delivered'",
                (after, last),
            ).fetchall()
            proofs = sqlite.execute(
                "SELECT object_id, destination, status, done FROM delivery JOIN object ON object.id = delivery.object "
                "WHERE delivery.object > ? AND delivery.object <= ? AND delivery.state = 'delivered'",
                (after, last),
            ).fetchall()
            holds = sqlite.execute(
                "SELECT object_id, hold FROM object WHERE id > ? AND id <= ? AND hold IS NOT NULL", (after, last)
            ).fetchall()
            kept_back = sqlite.execute(
                "SELECT object_id, destination, since FROM delivery JOIN object ON object.id = delivery.object "
                "WHERE delivery.object > ? AND delivery.object <= ? AND delivery.state = 'held' AND error = ?",
                (after, last, BY_A_PERSON),
            ).fetchall()
        found = [entries.owed(object_id, [destination], since) for object_id, destination, since in owing]
        found += [entries.proof(*row) for row in proofs]
        found += [entries.hold(*row) for row in holds]
        found += [entries.keep_back(*row) for row in kept_back]
        if found:
            yield found
        after = last
    after = 0
    while True:
        with ledger.reading() as sqlite:
            rows = sqlite.execute(
                f"SELECT id, {', '.join(COMMITMENT_COLUMNS)} FROM commitment WHERE id > ? ORDER BY id LIMIT 100",  # noqa: S608
                (after,),
            ).fetchall()
        if not rows:
            break
        for row in rows:  # one in a frame: a request may be long
            yield [entries.commitment(row[1:])]
        after = rows[-1][0]
