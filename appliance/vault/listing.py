"""What the ledger tells about objects, a page at a time. Reads only; tells no tag, digest or UID of a patient.

Each page looks at a bounded number of rows, so that no question holds up the queues, however many objects there are.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from appliance.vault.ledger import Ledger

DELIVERY_STATES = ("waiting", "gathering", "leased", "held", "delivered")
OBJECT_STATES = ("present", "leaving", "lost", "quarantined")
WINDOW = 5000
"""Rows that a page looks at."""

_COLUMNS = "id, object_id, received, peer, modality, sop_class, transfer_syntax, size, state, proven, hold"
_CHOSEN = f"""
    SELECT {_COLUMNS} FROM (SELECT * FROM object WHERE id > :after ORDER BY id LIMIT :window) AS o
    WHERE (:peer IS NULL OR peer = :peer) AND (:since IS NULL OR received >= :since)
    AND (:on_hold = 0 OR hold IS NOT NULL) AND (:object_state IS NULL OR state = :object_state)
    AND ((:destination IS NULL AND :delivery_state IS NULL) OR EXISTS (
        SELECT 1 FROM delivery WHERE object = o.id AND (:destination IS NULL OR destination = :destination)
        AND (:delivery_state IS NULL OR state = :delivery_state)))
    ORDER BY id LIMIT :limit
"""  # noqa: S608, the columns are ours


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects; what is None does not matter. `since`: received at that Unix time or later."""

    peer: str | None = None
    since: float | None = None
    destination: str | None = None
    delivery_state: str | None = None
    object_state: str | None = None
    on_hold: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an object for one destination."""

    destination: str
    state: str
    attempts: int
    status: int | None
    done: float | None
    error: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One object. `hold` is since when it is on hold, `proven` since when everybody has it."""

    object_id: str
    received: float
    peer: str
    modality: str
    sop_class: str
    transfer_syntax: str
    size: int
    state: str
    proven: float | None
    hold: float | None
    deliveries: tuple[Delivery, ...] = ()


class Listing:
    """Pages of objects, in the order in which they came. Thread-safe, as the ledger is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def page(self, selection: Selection, after: int, limit: int) -> tuple[list[Listed], int | None]:
        """Up to `limit` objects behind row `after`, 0 for the first page; and where to go on, None at the end.

        A page may be empty and not the last.
        """
        with self._ledger.reading() as sqlite:
            looked, last = sqlite.execute(
                "SELECT count(*), max(id) FROM (SELECT id FROM object WHERE id > ? ORDER BY id LIMIT ?)",
                (after, WINDOW),
            ).fetchone()
            values = {**asdict(selection), "after": after, "window": WINDOW, "limit": limit}
            rows = sqlite.execute(_CHOSEN, values).fetchall()
            found = [_listed(sqlite, row) for row in rows]
        if len(rows) == limit:
            return found, rows[-1][0]
        return found, last if looked == WINDOW else None

    def find(self, object_id: str) -> Listed | None:
        """One object, or None."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute(f"SELECT {_COLUMNS} FROM object WHERE object_id = ?", (object_id,)).fetchone()  # noqa: S608
            return _listed(sqlite, row) if row else None


def _listed(sqlite: Any, row: Any) -> Listed:
    deliveries = sqlite.execute(
        "SELECT destination, state, attempts, status, done, error FROM delivery WHERE object = ? ORDER BY destination",
        (row[0],),
    )
    return Listed(*(*row[1:], tuple(Delivery(*each) for each in deliveries)))
