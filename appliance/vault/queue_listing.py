"""What the ledger tells of single deliveries: which are next, and what became of those of one object. Reads only; holds
no UID and nothing else of a patient. Each answer reads a bounded number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.vault.ledger import Ledger

_COLUMNS = "o.object_id, d.destination, d.state, d.attempts, d.status, d.error, d.since, d.due, d.done, o.peer, o.size"
NEXT = f"""
    SELECT {_COLUMNS} FROM delivery AS d INDEXED BY delivery_due CROSS JOIN object AS o ON o.id = d.object
    WHERE d.destination = ? AND d.state IN ('waiting', 'leased') ORDER BY d.due LIMIT ?"""  # noqa: S608, ours
OF_OBJECT = f"""
    SELECT {_COLUMNS} FROM object AS o CROSS JOIN delivery AS d ON d.object = o.id
    WHERE o.object_id = ? ORDER BY d.destination"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery. `due`, of one that waits, is on the clock of the queues; the other times are Unix seconds."""

    object_id: str
    destination: str
    state: str
    attempts: int
    status: int | None
    error: str
    received: float
    due: float
    done: float | None
    peer: str
    size: int


def upcoming(ledger: Ledger, destination: str, limit: int) -> list[Row]:
    """What goes next, or is on its way."""
    with ledger.reading() as sqlite:
        return [Row(*row) for row in sqlite.execute(NEXT, (destination, limit))]


def of_object(ledger: Ledger, object_id: str) -> list[Row]:
    """The deliveries of one object."""
    with ledger.reading() as sqlite:
        return [Row(*row) for row in sqlite.execute(OF_OBJECT, (object_id,))]
