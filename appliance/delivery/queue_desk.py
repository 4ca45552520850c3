"""What `appliance queue` asks of `forward`: what waits, what is held, and what a person does about it.

Answers hold names of destinations and peers, object ids, counts, times and our own words for what failed; nothing of a
patient. What is asked is checked here. What a person holds back is durable before it is said to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ConfigError
from appliance.delivery.control import Operation, Request
from appliance.delivery.queue import DestinationQueue
from appliance.host.log import log
from appliance.vault.deliveries import Held
from appliance.vault.delivery_holds import DeliveryHolds
from appliance.vault.layout import checked
from appliance.vault.ledger import Ledger
from appliance.vault.queue_listing import Row, of_object, upcoming

_SHOWN = 20


class QueueDesk:
    """The operations on the queues, for the control socket."""

    def __init__(
        self,
        ledger: Ledger,
        queues: Callable[[], Mapping[str, DestinationQueue]],
        state: Callable[[], dict[str, Any]],
        *,
        now: Callable[[], float] = time.time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`queues` are those of the configuration in force; `state` tells of all of them; `now` is their clock, `wall`
        the one on the wall. What was held back when the program ended is held back from here on."""
        self._ledger = ledger
        self._in_force = queues
        self._state = state
        self._now = now
        self._wall = wall
        self._holds = DeliveryHolds(ledger)
        for name, since in self._holds.destinations().items():
            if queue := self._queues.get(name):
                queue.pause(since)

    @property
    def _queues(self) -> Mapping[str, DestinationQueue]:
        return self._in_force()

    @property
    def operations(self) -> dict[str, Operation]:
        """By the names that requests have."""
        return {
            "queue": lambda _: self._state(),
            "held": self._on_held,
            "deliveries": self._on_deliveries,
            "retry": self._on_retry,
            "hold-back": self._on_hold_back,
            "let-go": self._on_let_go,
        }

    def _on_held(self, request: Request) -> dict[str, Any]:
        return {"held": [self._held(each) for each in self._ledger.held(self._named(request))]}

    def _held(self, held: Held) -> dict[str, Any]:
        record = self._ledger.record(held.object_id)
        return {
            "object": held.object_id,
            "destination": held.destination,
            "reason": held.error,
            "received": held.received,
            "attempts": held.attempts,
            "peer": record.peer if record else "",
            "sop_class": record.sop_class if record else "",
            "transfer_syntax": record.transfer_syntax if record else "",
        }

    def _on_deliveries(self, request: Request) -> dict[str, Any]:
        """Those of one object, or those that are next for a destination."""
        if (object_id := request.get("object")) is not None:
            return {"deliveries": [self._row(row) for row in of_object(self._ledger, checked(str(object_id)))]}
        name = self._one(request)
        return {
            "destination": self._state()["destinations"][name],
            "deliveries": [self._row(row) for row in upcoming(self._ledger, name, _SHOWN)],
            "held": [self._held(each) for each in self._ledger.held(name, _SHOWN)],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        waits = row.state in ("waiting", "leased")
        return {
            "object": row.object_id,
            "destination": row.destination,
            "state": row.state,
            "attempts": row.attempts,
            "status": None if row.status is None else f"0x{row.status:04X}",
            "reason": row.error,
            "received": row.received,
            "due_in": round(max(0.0, row.due - self._now()), 1) if waits else None,
            "delivered": row.done,
            "peer": row.peer,
            "size": row.size,
        }

    def _on_retry(self, request: Request) -> dict[str, Any]:
        object_ids = _objects(request)
        if object_ids:
            queue = self._queues[self._one(request)]
            let_go, rest = self._holds.release(
                object_ids, queue.name, self._now()
            )  # a person's holds end in the journal too
            others = [object_id for object_id in rest if not queue.retry_one(object_id)]
            queue.wake()
            return {"released": len(let_go) + len(rest) - len(others), "others": others}
        name = self._named(request)
        queues = [self._queues[name]] if name else list(self._queues.values())
        return {"released": sum(queue.retry_held() for queue in queues), "others": []}

    def _on_hold_back(self, request: Request) -> dict[str, Any]:
        name, object_ids = self._one(request), _objects(request)
        if object_ids:
            held, others = self._holds.hold(object_ids, name, self._wall())
            what = f"{len(held)} deliveries"
        else:
            self._queues[name].pause(self._holds.hold_destination(name, self._wall()))
            held, others, what = [], [], "everything"
        if held or not object_ids:
            log(catalogue.DELIVERIES_STOPPED, destination=name, what=what)
        return {"changed": held, "others": others}

    def _on_let_go(self, request: Request) -> dict[str, Any]:
        name, object_ids = self._one(request), _objects(request)
        if object_ids:
            gone, others = self._holds.release(object_ids, name, self._now())
            self._queues[name].wake()
            what = f"{len(gone)} deliveries"
            found = bool(gone)
        else:
            found = self._holds.release_destination(name)
            self._queues[name].pause(None)
            gone, others, what = [], [], "everything"
        if found:
            log(catalogue.DELIVERIES_RELEASED, destination=name, what=what)
        return {"changed": gone, "others": others, "was_held": found}

    def _one(self, request: Request) -> str:
        name = self._named(request)
        if name is None:
            raise ConfigError("no destination is named", fix=f"Known: {', '.join(self._queues)}.")
        return name

    def _named(self, request: Request) -> str | None:
        name = request.get("destination")
        if name is not None and not (isinstance(name, str) and name in self._queues):
            raise ConfigError("there is no destination of that name", fix=f"Known: {', '.join(self._queues)}.")
        return name


def _objects(request: Request) -> list[str]:
    """The objects that a request names, none for all."""
    named = request.get("objects") or []
    if not isinstance(named, list) or len(named) > limits.VAULT_PAGE.ceiling:
        raise ConfigError(f"objects are a list of {limits.VAULT_PAGE.ceiling} at most", fix="Name fewer at a time.")
    return [checked(str(each)) for each in named]
