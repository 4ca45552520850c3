"""When the routes changed: what matched none of the old ones is looked at again, beside everything else.

One short-lived thread at a time. What was routed before keeps its destinations.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from appliance.base import catalogue
from appliance.base.errors import ApplianceError
from appliance.config.model import Route
from appliance.host.log import log
from appliance.vault.adoption import Adoption
from appliance.vault.unrouted import looked_at, owe_unrouted


class Rerouting:
    """`owed` gets the destinations that have something new."""

    def __init__(
        self, adoption: Adoption, owed: Callable[[set[str]], None], now: Callable[[], float] = time.time
    ) -> None:
        self._adoption = adoption
        self._owed = owed
        self._now = now
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def look(self, routes: Sequence[Route]) -> None:
        """Look at everything that is owed to nobody, unless that was done for these routes."""
        self._thread = threading.Thread(target=self._run, args=(repr(routes),), name="rerouting", daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Wait for it; what it did not come to is done at the next start."""
        if self._thread:
            self._thread.join(seconds)

    def _run(self, routes: str) -> None:
        try:
            with self._lock:
                if looked_at(self._adoption.ledger, routes):
                    return
                owed = owe_unrouted(self._adoption.ledger, self._adoption.destinations_for, routes, self._now())
            if owed:
                log(catalogue.OBJECTS_ROUTED, deliveries=sum(owed.values()), destinations=", ".join(sorted(owed)))
                self._owed(set(owed))
        except ApplianceError as error:
            log(catalogue.ADOPTION_FAILED, reason=error.message, advice=error.fix)
        except Exception as error:  # noqa: BLE001, deliveries go on without it
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="rerouting")
