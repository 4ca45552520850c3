"""Tells `receive` what the destinations accept, whenever that changed. `receive` may do without it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from appliance.base import catalogue
from appliance.base.errors import DiskError
from appliance.host.log import log
from appliance.vault.accepted import Pairs, publish
from appliance.vault.ledger import Ledger


class Learned:
    """The accepted (SOP class, transfer syntax) pairs of all destinations, as they were told last. Thread-safe."""

    def __init__(self, ledger: Ledger, destinations: Sequence[str], runtime_dir: Path) -> None:
        self._ledger = ledger
        self._destinations = destinations
        self._runtime_dir = runtime_dir
        self._told: Pairs | None = None
        self._lock = threading.Lock()

    def configure(self, destinations: Sequence[str]) -> None:
        """These are the destinations from now on."""
        self._destinations = destinations
        self.tell()

    def tell(self) -> None:
        """Publish what the ledger says now, if it is not what was told. Never raises."""
        try:
            with self._lock:
                known: Pairs = {name: self._ledger.accepted(name) for name in self._destinations}
                if known != self._told:
                    publish(self._runtime_dir, known)
                    self._told = known
        except DiskError as error:
            log(catalogue.SYNTAXES_UNTOLD, reason=error.message)
