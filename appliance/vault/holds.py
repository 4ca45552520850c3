"""Objects that a person put on hold: they never leave, whatever was proven and however short space is.

A hold is in the ledger and in the journal, both durable, when a call returns. It says nothing about deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable

from appliance.vault import entries
from appliance.vault.ledger import Ledger


class Holds:
    """The holds of a ledger. Thread-safe, as the ledger is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def hold(self, object_ids: Iterable[str], now: float) -> tuple[list[str], list[str]]:
        """Put objects on hold. Those that are on hold now, and those that are not here, or just leaving."""
        held, missing = [], []
        with self._ledger.transaction() as sqlite:
            for object_id in object_ids:
                changed = sqlite.execute(
                    "UPDATE object SET hold = coalesce(hold, ?) WHERE object_id = ? AND state <> 'leaving'",
                    (now, object_id),
                )
                if changed.rowcount:
                    self._ledger.enter(entries.hold(object_id, now))
                    held.append(object_id)
                else:
                    missing.append(object_id)
        return held, missing

    def release(self, object_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        """End holds. Those that are free now, and those that are not here."""
        free, missing = [], []
        with self._ledger.transaction() as sqlite:
            for object_id in object_ids:
                changed = sqlite.execute("UPDATE object SET hold = NULL WHERE object_id = ?", (object_id,))
                if changed.rowcount:
                    self._ledger.enter(entries.release(object_id))
                    free.append(object_id)
                else:
                    missing.append(object_id)
        return free, missing

    def count(self) -> int:
        """Objects on hold."""
        with self._ledger.reading() as sqlite:
            (rows,) = sqlite.execute("SELECT count(*) FROM object WHERE hold IS NOT NULL").fetchone()
            return int(rows)
