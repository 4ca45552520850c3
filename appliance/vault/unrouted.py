"""Objects that are owed to nobody, since no route matched when they came: looked at again when the routes change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

from appliance.seal.record import Record
from appliance.vault.ledger import Ledger

_WINDOW = 5000  # rows that are looked at while nobody else has the ledger
_ROUTES = "routes"  # the fact that says for which routes all was looked at


def looked_at(ledger: Ledger, routes: str) -> bool:
    """Whether these routes, in whatever words, are those for which everything was looked at last."""
    return ledger.fact(_ROUTES) == _digest(routes)


def owe_unrouted(
    ledger: Ledger, destinations_for: Callable[[Record], Iterable[str]], routes: str, now: float
) -> dict[str, int]:
    """Owe them to the destinations that the routes have for them now; how many each got. Durable when it returns, and
    noted, so that it need not be done again for the same routes. `now` is in Unix seconds."""
    owed: dict[str, int] = {}
    for window in _windows(ledger):
        with ledger.transaction():
            for object_id in ledger.unrouted(window, window + _WINDOW):
                record = ledger.record(object_id)
                destinations = destinations_for(record) if record else ()
                if not destinations or not ledger.route_anew(object_id, destinations, now):
                    continue
                for name in destinations:
                    owed[name] = owed.get(name, 0) + 1
    ledger.note_fact(_ROUTES, _digest(routes))
    return owed


def _windows(ledger: Ledger) -> Iterator[int]:
    with ledger.reading() as sqlite:
        (last,) = sqlite.execute("SELECT max(id) FROM object").fetchone()
    yield from range(0, (last or 0) + 1, _WINDOW)


def _digest(routes: str) -> bytes:
    return hashlib.sha256(routes.encode()).digest()
