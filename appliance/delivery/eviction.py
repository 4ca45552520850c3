"""Forgets objects that every destination proved and whose keep time is over; earlier when space is short.

One thread that looks now and then. Nothing unproven ever goes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError
from appliance.host.log import log
from appliance.host.pulse import Pulse
from appliance.routing.retention import keep_time
from appliance.vault import departure
from appliance.vault.ledger import Ledger
from appliance.vault.objects import Objects
from appliance.vault.space import Space

_BATCH = 64


class Evictor:
    """The thread that forgets. `keep` is in seconds; `housekeeping` is done after each look."""

    def __init__(
        self,
        ledger: Ledger,
        objects: Objects,
        space: Space,
        keep: float,
        *,
        on_change: Callable[[], None] = lambda: None,
        housekeeping: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._objects = objects
        self._space = space
        self._keep = keep
        self._on_change = on_change
        self._housekeeping = housekeeping
        self._now = now
        self._at_once = False
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self._pulse = Pulse()
        self._thread = threading.Thread(target=self._run, name="evictor", daemon=True)

    def configure(self, space: Space, keep: float) -> None:
        """These count from the next look on."""
        before, self._space, self._keep = self._keep, space, keep
        if keep != before:
            self._awake.set()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: what the medium refused may be done."""
        self._at_once = True
        self._awake.set()

    def stop(self) -> None:
        """End after the batch that is under way."""
        self._stopping.set()
        self._awake.set()
        self._thread.join()

    def is_alive(self) -> bool:
        """Whether it forgets, and comes on with it."""
        return self._thread.is_alive() and self._pulse.moves()

    def evict(self) -> int:
        """Forget all that may go now; the number of objects."""
        departure.resume(self._ledger, self._objects)
        count = 0
        while not self._stopping.is_set():
            self._pulse.beat()
            keep = keep_time(self._keep, pressed_for_space=not self._space.allows())
            gone = departure.evict(self._ledger, self._objects, self._now(), keep, _BATCH)
            for object_id in gone:
                log(catalogue.OBJECT_EVICTED, object_id=object_id)
            count += len(gone)
            if len(gone) < _BATCH:
                break
        return count

    def _run(self) -> None:
        while True:
            self._pulse.rest()
            if self._awake.wait(min(max(self._keep, limits.EVICTION.floor), limits.EVICTION.default)):
                self._awake.clear()
                if self._stopping.is_set():
                    return
                if not self._at_once:
                    continue  # another keep, another interval
                self._at_once = False
            self._pulse.beat()
            try:
                if self.evict():
                    self._on_change()
                self._pulse.beat()
                self._housekeeping()
            except ApplianceError as error:
                log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
            except Exception as error:  # noqa: BLE001, the thread must go on
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="eviction")
