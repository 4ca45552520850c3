"""What the journal says, an entry a fact: a JSON array, its kind first. Written by the ledger, read by a rebuild.

Owns their form; see JOURNAL.md. Entries name objects by id, and hold no UID and nothing else of a patient, but for
commitment requests, which are sealed in themselves. Times are Unix seconds.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

Entry = list[Any]

PROOF = "proof"
OWED = "owed"
HOLD = "hold"
RELEASE = "release"
STOP = "stop"
GO = "go"
KEEP_BACK = "keep-back"
LET_GO = "let-go"
MARKS = "marks"
COMMITMENT = "commitment"
DECIDED = "decided"
ENDED = "ended"


def proof(object_id: str, destination: str, status: int, at: float) -> Entry:
    """A destination proved that it holds an object."""
    return [PROOF, object_id, destination, status, at]


def owed(object_id: str, destinations: Sequence[str], since: float) -> Entry:
    """An object is owed to destinations, whatever the routes say of its record."""
    return [OWED, object_id, list(destinations), since]


def hold(object_id: str, at: float) -> Entry:
    """A person put an object on hold."""
    return [HOLD, object_id, at]


def release(object_id: str) -> Entry:
    """A person ended a hold."""
    return [RELEASE, object_id]


def stop(destination: str, at: float) -> Entry:
    """A person holds back all deliveries to a destination."""
    return [STOP, destination, at]


def go(destination: str) -> Entry:
    """A person lets deliveries to a destination go on."""
    return [GO, destination]


def keep_back(object_id: str, destination: str, at: float) -> Entry:
    """A person holds back one delivery."""
    return [KEEP_BACK, object_id, destination, at]


def let_go(object_id: str, destination: str) -> Entry:
    """A person lets one delivery go on."""
    return [LET_GO, object_id, destination]


def marks(taken: Mapping[str, bytes]) -> Entry:
    """Up to where segments were taken over, by their ids."""
    return [MARKS, {segment: int.from_bytes(value) for segment, value in taken.items()}]


def commitment(row: Sequence[Any]) -> Entry:
    """A commitment request as the ledger has it: the columns of `COMMITMENT_COLUMNS`, bytes in base64."""
    return [COMMITMENT, *(_text(value) for value in row)]


def decided(request_id: str, reasons: bytes, at: float) -> Entry:
    """A commitment request was decided."""
    return [DECIDED, request_id, _text(reasons), at]


def ended(request_id: str, state: str, at: float) -> Entry:
    """A commitment request is over: reported, or given up."""
    return [ENDED, request_id, state, at]


COMMITMENT_COLUMNS = (
    "request_id",
    "peer",
    "transaction_tag",
    "content_tag",
    "state",
    "entered",
    "request",
    "reasons",
    "ended",
)
BLOBS = frozenset({"transaction_tag", "content_tag", "request", "reasons"})


def blob(value: str | None) -> bytes | None:
    """Bytes from an entry."""
    return None if value is None else base64.b64decode(value, validate=True)


def _text(value: Any) -> Any:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
