"""What is owed to destinations that the configuration does not name any more: it is kept, and somebody has to know."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from appliance.vault.deliveries import Queue


def left(counts: Mapping[str, Queue], configured: Container[str]) -> dict[str, dict[str, Any]]:
    """By the name that each had: how much waits, how much is held, and since when, as JSON values."""
    return {
        name: {
            "waiting": queue.waiting + queue.gathering + queue.leased,
            "stored": queue.stored,
            "held": queue.held,
            "oldest": queue.oldest,
        }
        for name, queue in counts.items()
        if name not in configured and queue.waiting + queue.gathering + queue.leased + queue.stored + queue.held
    }
