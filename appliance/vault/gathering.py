"""Studies that are not complete yet: their deliveries gather until nothing more of them came for a while.

Owns the table of quiet times. A study that never rests goes after a longest time all the same. Times are seconds on the
clock of the queues, and come in as arguments.
"""

from __future__ import annotations

import sqlite3

from appliance.base import limits
from appliance.routing.study import Quiet
from appliance.vault.connection import Connection

DUE = "SELECT study_tag FROM study_quiet INDEXED BY study_quiet_due WHERE destination = ? AND due <= ? LIMIT 16"
NEXT = "SELECT min(due) FROM study_quiet INDEXED BY study_quiet_due WHERE destination = ?"
LET_GO = """UPDATE delivery SET state = 'waiting', due = min(since, ?) WHERE destination = ? AND state = 'gathering'
            AND object IN (SELECT id FROM object INDEXED BY object_study WHERE study_tag = ? AND state = 'present')"""


class Gathering(Connection):
    """The quiet times of the ledger. Every change is durable when the outermost transaction ends."""

    def mend_quiet(self, now: float) -> None:
        """At start-up: nobody waits longer than the quiet time, whatever the clock said before."""
        with self.transaction() as sqlite:
            sqlite.execute("UPDATE study_quiet SET due = min(due, ? + quiet)", (now,))

    @staticmethod
    def _gather(sqlite: sqlite3.Connection, key: int, destination: str, quiet: float, now: float) -> None:
        """A delivery came that waits for its study: the quiet time begins anew."""
        (study_tag,) = sqlite.execute("SELECT study_tag FROM object WHERE id = ?", (key,)).fetchone()
        found = sqlite.execute(
            "SELECT due, latest FROM study_quiet WHERE destination = ? AND study_tag = ?", (destination, study_tag)
        ).fetchone()
        study = Quiet(*found).another(now, quiet) if found else Quiet.begin(now, quiet, limits.STUDY_LONGEST.default)
        sqlite.execute(
            "INSERT OR REPLACE INTO study_quiet VALUES (?, ?, ?, ?, ?)",
            (destination, study_tag, study.due, study.latest, quiet),
        )

    @staticmethod
    def _complete(sqlite: sqlite3.Connection, destination: str, now: float) -> None:
        """Let go what waited for studies that are complete now."""
        for (study_tag,) in sqlite.execute(DUE, (destination, now)).fetchall():
            sqlite.execute(LET_GO, (now, destination, study_tag))
            sqlite.execute("DELETE FROM study_quiet WHERE destination = ? AND study_tag = ?", (destination, study_tag))
