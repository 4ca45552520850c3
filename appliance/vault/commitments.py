"""The ledger's table of commitment requests: asked, decided, kept, reported or given up. A change is durable at return.

A decision is kept where nothing leads to its peer now: it waits for the peer to come, and nothing looks at it before.
Holds no UID that is not sealed, and none at all of a request that is over: what stays is keyed tags, so that a
Transaction UID is known when it comes again. Times are Unix seconds and always come in as arguments.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.seal.commitment import CommitmentRequest
from appliance.seal.index_key import IndexKey
from appliance.vault import entries
from appliance.vault.connection import Connection
from appliance.vault.instances import WITH_TAG


class Entry(Enum):
    """What a request turned out to be."""

    NEW = "new"
    KNOWN = "known"  # it has its row already: a cut came between row and file
    REPEATED = "repeated"  # the same was asked before, and that one is not reported yet: it answers both
    DUPLICATE = "duplicate"  # its Transaction UID was used for something else, or is over


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that something is to be done about. `reasons` is None until it is decided."""

    request_id: str
    peer: str
    entered: float
    due: float
    attempts: int
    sealed: bytes
    reasons: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An object that holds an instance, and its state: present, leaving, lost or quarantined."""

    object_id: str
    sop_class: str
    state: str


_OPEN = "state IN ('asked', 'decided')"  # as the index says it, or SQLite does not use it
_PENDING = "request_id, peer, entered, due, attempts, request, reasons"


class Commitments:
    """The requests in the ledger. Thread-safe, as the ledger is."""

    def __init__(self, ledger: Connection, index_key: IndexKey) -> None:
        self._ledger = ledger
        self._index_key = index_key

    def enter(self, request: CommitmentRequest, sealed: bytes, now: float, duplicate_reason: int) -> Entry:
        """Take a request in. A duplicate is entered as decided, with `duplicate_reason` for each instance."""
        tag, content = self._tags(request)
        with self._ledger.transaction() as sqlite:
            if sqlite.execute("SELECT 1 FROM commitment WHERE request_id = ?", (request.request_id,)).fetchone():
                return Entry.KNOWN
            # One that was given up was never reported: asking for the same again is what the peer is told to do.
            earlier = sqlite.execute(
                "SELECT content_tag, ended FROM commitment WHERE peer = ? AND transaction_tag = ? "
                "AND NOT (state = 'given up' AND content_tag = ?) ORDER BY id",
                (request.peer, tag, content),
            ).fetchall()
            if any(other == content and ended is None for other, ended in earlier):
                return Entry.REPEATED
            reasons = _packed([duplicate_reason] * len(request.references)) if earlier else None
            sqlite.execute(
                "INSERT INTO commitment (request_id, peer, transaction_tag, content_tag, state, entered, due, request, "
                "reasons) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    request.request_id,
                    request.peer,
                    tag,
                    content,
                    "decided" if earlier else "asked",
                    now,
                    now,
                    sealed,
                    reasons,
                ),
            )
            state = "decided" if earlier else "asked"
            self._ledger.enter(
                entries.commitment((request.request_id, request.peer, tag, content, state, now, sealed, reasons, None))
            )
        return Entry.DUPLICATE if earlier else Entry.NEW

    def asked(self, now: float, limit: int) -> list[Pending]:
        """Requests that are to be decided now, the longest-due first."""
        return self._pending(f"{_OPEN} AND state = 'asked' AND due <= ?", (now,), limit)

    def decided(self, peer: str, now: float, limit: int) -> list[Pending]:
        """Requests of `peer` that are to be reported now: those that were tried least, of these the longest-due first.
        So one that the peer never takes is not in the way of others."""
        due = f"{_OPEN} AND state = 'decided' AND due <= ? AND peer = ?"
        return self._pending(due, (now, peer), limit, order="attempts, due, id")

    def peers_due(self, now: float) -> list[str]:
        """The peers to which something is to be reported now."""
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(
                "SELECT DISTINCT peer FROM commitment WHERE state IN ('asked', 'decided') AND state = 'decided' "
                "AND due <= ?",
                (now,),
            )
            return [peer for (peer,) in rows]

    def next_due(self) -> float | None:
        """When something is to be done; None if nothing is open."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute("SELECT min(due) FROM commitment WHERE state IN ('asked', 'decided')").fetchone()
            due: float | None = row[0]
            return due

    def holders(self, sop_instance: str) -> list[Candidate]:
        """The objects that were received as this instance."""
        tag = self._index_key.tag("instance", sop_instance)
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(
                f"SELECT object_id, sop_class, state FROM object WHERE {WITH_TAG} ORDER BY id LIMIT 100",  # noqa: S608
                {"tag": tag},
            )
            return [Candidate(*row) for row in rows]

    def postpone(self, request_id: str, due: float) -> None:
        """Look at an asked request again at `due`."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute("UPDATE commitment SET due = ? WHERE request_id = ? AND state = 'asked'", (due, request_id))

    def decide(self, request_id: str, reasons: Sequence[int], now: float) -> None:
        """Commit to the decision: a Failure Reason for each instance in order, 0 for one that is committed."""
        packed = _packed(reasons)
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                "UPDATE commitment SET state = 'decided', reasons = ?, due = ? "
                "WHERE request_id = ? AND state = 'asked'",
                (packed, now, request_id),
            )
            self._ledger.enter(entries.decided(request_id, packed, now))

    def again(self, request: CommitmentRequest, now: float) -> str | None:
        """What was asked before was asked again: its report is due now. The id of the request that stands."""
        with self._ledger.transaction() as sqlite:
            row = sqlite.execute(
                "SELECT request_id FROM commitment WHERE peer = ? AND transaction_tag = ? AND content_tag = ? "
                "AND ended IS NULL ORDER BY id LIMIT 1",
                (request.peer, *self._tags(request)),
            ).fetchone()
            if row is None:
                return None
            sqlite.execute(
                "UPDATE commitment SET state = 'decided', due = min(due, ?) WHERE request_id = ? "
                "AND state IN ('decided', 'kept')",
                (now, row[0]),
            )
            request_id: str = row[0]
            return request_id

    def keep(self, request_id: str) -> None:
        """Nothing leads to the peer now: the decision waits until it comes."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                "UPDATE commitment SET state = 'kept' WHERE request_id = ? AND state = 'decided'", (request_id,)
            )

    def recall(self, peer: str, now: float) -> int:
        """The peer is there: what is kept for it is due now. How many that are."""
        with self._ledger.transaction() as sqlite:
            return sqlite.execute(
                "UPDATE commitment SET state = 'decided', due = ? WHERE peer = ? AND state = 'kept'", (now, peer)
            ).rowcount

    def kept_peers(self) -> list[str]:
        """The peers for which something is kept."""
        with self._ledger.reading() as sqlite:
            return [peer for (peer,) in sqlite.execute("SELECT DISTINCT peer FROM commitment WHERE state = 'kept'")]

    def kept_since(self, before: float, limit: int) -> list[Pending]:
        """What was entered before `before` and is kept still."""
        return self._pending("state = 'kept' AND entered < ?", (before,), limit)

    def decided_for(self, peer: str, request_id: str) -> bool:
        """Whether this peer is owed a report on this request."""
        with self._ledger.reading() as sqlite:
            row = sqlite.execute(
                "SELECT 1 FROM commitment WHERE request_id = ? AND peer = ? AND state IN ('decided', 'kept')",
                (request_id, peer),
            ).fetchone()
            return row is not None

    def reported(self, request_id: str, now: float) -> None:
        """The peer took the report: the request is over."""
        self._end(request_id, "reported", "", now)

    def give_up(self, request_id: str, error: str, now: float) -> None:
        """The report was tried long enough, or can't be made: the request is over."""
        self._end(request_id, "given up", error, now)

    def failed(self, peer: str, error: str, not_before: float) -> None:
        """A report could not be delivered: whatever this peer is owed waits until `not_before`. `error` is in our own
        words."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                "UPDATE commitment SET due = max(due, ?), error = ?, attempts = attempts + 1 "
                "WHERE peer = ? AND state = 'decided'",
                (not_before, error, peer),
            )

    def not_taken(self, request_id: str, error: str, not_before: float) -> None:
        """The peer answered this report with a failure: it alone waits until `not_before`. `error` is in our words."""
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                "UPDATE commitment SET due = max(due, ?), error = ?, attempts = attempts + 1 "
                "WHERE request_id = ? AND state = 'decided'",
                (not_before, error, request_id),
            )

    def counts(self) -> dict[str, int]:
        """How many are open: those not decided, and those not reported, kept ones among them."""
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(f"SELECT state, count(*) FROM commitment WHERE {_OPEN} GROUP BY state")  # noqa: S608
            found = dict(rows.fetchall())
            (kept,) = sqlite.execute("SELECT count(*) FROM commitment WHERE state = 'kept'").fetchone()
        return {"asked": found.get("asked", 0), "decided": found.get("decided", 0) + kept}

    def forget(self, before: float, limit: int = 1000) -> int:
        """Drop what was over before `before`; the number of rows. Files must have left `incoming/` durably."""
        with self._ledger.transaction() as sqlite:
            return sqlite.execute(
                "DELETE FROM commitment WHERE id IN (SELECT id FROM commitment WHERE ended < ? LIMIT ?)",
                (before, limit),
            ).rowcount

    def _tags(self, request: CommitmentRequest) -> tuple[bytes, bytes]:
        """Of the transaction, and of that and all that it names."""
        named = " ".join(uid for pair in request.references for uid in pair)
        return (
            self._index_key.tag("transaction", request.transaction),
            self._index_key.tag("transaction", f"{request.transaction} {named}"),
        )

    def _pending(
        self, where: str, values: tuple[float | str, ...], limit: int, order: str = "due, id"
    ) -> list[Pending]:
        """Sorts ids alone: a sealed request may be large, and there may be many."""
        with self._ledger.reading() as sqlite:
            rows = sqlite.execute(
                f"SELECT {_PENDING} FROM commitment WHERE id IN "  # noqa: S608
                f"(SELECT id FROM commitment WHERE {where} ORDER BY {order} LIMIT ?) ORDER BY {order}",
                (*values, limit),
            ).fetchall()
        return [
            Pending(request_id, peer, entered, due, attempts, sealed, None if packed is None else _unpacked(packed))
            for request_id, peer, entered, due, attempts, sealed, packed in rows
        ]

    def _end(self, request_id: str, state: str, error: str, now: float) -> None:
        with self._ledger.transaction() as sqlite:
            sqlite.execute(
                "UPDATE commitment SET state = ?, error = ?, ended = ?, request = NULL, reasons = NULL "
                "WHERE request_id = ?",
                (state, error, now, request_id),
            )
            self._ledger.enter(entries.ended(request_id, state, now))


def _packed(reasons: Sequence[int]) -> bytes:
    return struct.pack(f">{len(reasons)}H", *reasons)


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f">{len(packed) // 2}H", packed)
