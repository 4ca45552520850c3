"""Which queues of the ledger belong to nobody."""

from __future__ import annotations

from appliance.delivery.left import left
from appliance.vault.deliveries import Queue


def test_what_is_owed_counts_and_what_was_delivered_does_not() -> None:
    counts = {
        "pacs": Queue(waiting=9),
        "old": Queue(waiting=1, gathering=2, leased=3, stored=4, held=5, delivered=6, oldest=7.0),
        "done": Queue(delivered=8),
    }
    assert left(counts, {"pacs": object()}) == {"old": {"waiting": 6, "stored": 4, "held": 5, "oldest": 7.0}}
