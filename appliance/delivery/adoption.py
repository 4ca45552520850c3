"""Adoption as it runs: wakes when `receive` links a file into `incoming/` or wrote a record into a segment there, takes
over what is there, and wakes the queues.

One thread. It sleeps until the directory changes; while it works on a batch the next gathers, so under load flushes are
shared. While nothing comes in after a start, files and ledger are compared, a directory a second. What became of each
object is said in the log, by its random id.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from appliance.base import catalogue
from appliance.base.errors import ApplianceError, DiskError
from appliance.base.events import Event
from appliance.base.throttle import Throttle
from appliance.config.model import Route
from appliance.host.log import log
from appliance.host.pulse import Pulse
from appliance.host.watch import Watch, watch_directory
from appliance.routing.routes import Facts, quiet_times
from appliance.seal.record import Record
from appliance.vault.adoption import BATCH, Adopted, Adoption, Fate

_DISK_PAUSE = 5.0  # seconds until a medium that refused is tried again
_SWEEP = 1.0  # seconds between two directories of a sweep
_GATHER = 0.02
"""Seconds between two looks that found something. The first of a series is adopted at once, the rest in batches: an
object that is adopted alone costs five times the flushes of one among eight, and a sender waits for the same disk."""


def route(routes: Sequence[Route]) -> Callable[[Record], Mapping[str, float]]:
    """The routing of records by the routes of the configuration: destinations, and how long they wait for the study."""

    def destinations(record: Record) -> Mapping[str, float]:
        facts = Facts(record.peer, record.calling_ae, record.sop_class, record.modality)
        return quiet_times(facts, routes)

    return destinations


class Adopter:
    """The thread that adopts. `adopted` gets the destinations that have something new."""

    def __init__(
        self,
        adoption: Adoption,
        adopted: Callable[[set[str]], None],
        now: Callable[[], float] = time.time,
        looked: Callable[[], None] = lambda: None,
        gather: float = _GATHER,
        sweep: Iterator[Sequence[Adopted]] | None = None,
    ) -> None:
        """`looked` is called whenever what lay in `incoming/` was seen to; `gather` is in seconds. `sweep` is gone on
        with while nothing comes in."""
        self._adoption = adoption
        self._adopted = adopted
        self._now = now
        self._looked = looked
        self._gather = gather
        self._sweep = sweep
        self._fresh: Iterator[Sequence[Adopted]] | None = None
        self._found = False
        self._condition = threading.Condition()
        self._changed = True  # files may lie there already
        self._stopping = False
        self._throttle = Throttle()
        self._watch: Watch | None = None
        self._pulse = Pulse()
        self._thread = threading.Thread(target=self._run, name="adopter", daemon=True)

    def start(self) -> None:
        """Watch, then look. Raises DiskError when the directory cannot be watched."""
        self._watch = watch_directory(self._adoption.objects.layout.incoming, self._on_change)
        self._thread.start()

    def stop(self) -> None:
        """End after the batch that is under way."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._watch:
            self._watch.stop()
            self._watch = None
            self._thread.join()

    def resume(self, sweep: Iterator[Sequence[Adopted]]) -> None:
        """The medium was away, or another: watch it anew, look, and compare files and ledger. Raises DiskError."""
        watch = watch_directory(self._adoption.objects.layout.incoming, self._on_change)
        with self._condition:
            old, self._watch = self._watch, watch
            self._fresh = sweep
        if old:
            old.stop()
        self._on_change()

    def is_alive(self) -> bool:
        """Whether it adopts, and comes on with it."""
        return self._thread.is_alive() and self._pulse.moves()

    def tell(self, fates: Iterable[Adopted]) -> None:
        """Log what became of objects, and say which destinations have something new."""
        woken: set[str] = set()
        for fate in fates:
            self._log(fate)
            woken.update(fate.destinations)
        self._adopted(woken)

    def _on_change(self) -> None:
        with self._condition:
            self._changed = True
            self._condition.notify()

    def _run(self) -> None:
        pause: float | None = None
        while True:
            self._pulse.rest()
            with self._condition:
                if not self._changed and not self._stopping:
                    self._condition.wait(pause)
                if self._stopping:
                    return
                self._changed = False
                fresh, self._fresh = self._fresh, None
            self._pulse.beat()
            pause = self._begin_anew(fresh) if fresh else self._look()
            self._looked()
            if pause is None and not self._found:
                pause = self._go_on_with_the_sweep()
            if self._found:
                with self._condition:
                    self._condition.wait_for(lambda: self._stopping, self._gather)

    def _begin_anew(self, sweep: Iterator[Sequence[Adopted]]) -> float | None:
        """Nothing that was read before counts; then as ever."""
        self._sweep = sweep
        try:
            self._adoption.begin_anew()
        except DiskError as error:  # it went again, and when it comes back this is done again
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
            return _DISK_PAUSE
        return self._look()

    def _go_on_with_the_sweep(self) -> float | None:
        """One step of it; the seconds until the next, None after the last."""
        if self._sweep is None:
            return None
        try:
            self.tell(next(self._sweep))
            return _SWEEP
        except StopIteration:
            pass
        except DiskError as error:
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
        except Exception as error:  # noqa: BLE001, adoption must go on
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="sweep")
        self._sweep = None  # the next start has another
        return None

    def _look(self) -> float | None:
        """Adopt what waits. Returns the seconds after which to look again unasked, if need be."""
        left = False
        try:
            self._found = False
            waiting = self._adoption.objects.waiting()
            self._found = bool(waiting)
            for start in range(0, len(waiting), BATCH):
                if self._stopping:
                    break
                self._pulse.beat()
                fates = self._adoption.adopt(waiting[start : start + BATCH], self._now())
                left = left or any(fate.fate is Fate.LEFT for fate in fates)
                self.tell(fates)
            retired = self._adoption.retire_segments()
            left = left or any(fate.fate is Fate.LEFT for fate in retired)
            self.tell(retired)
        except DiskError as error:
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
            return _DISK_PAUSE
        except ApplianceError as error:
            log(catalogue.ADOPTION_FAILED, reason=error.message, advice=error.fix)
            return _DISK_PAUSE
        except Exception as error:  # noqa: BLE001, adoption must go on
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="adoption")
            return _DISK_PAUSE
        return _DISK_PAUSE if left else None

    def _say(self, event: Event, key: str, **fields: object) -> None:
        """Log what may concern many objects, a few a minute for each `key`."""
        if self._throttle.passes((event.code, key), time.monotonic())[0]:
            log(event, **fields)

    def _log(self, found: Adopted) -> None:
        match found.fate:
            case Fate.ADOPTED | Fate.CONFLICT:
                log(
                    catalogue.OBJECT_ADOPTED,
                    object_id=found.object_id,
                    destinations=", ".join(found.destinations) or "nobody",
                )
                if not found.destinations:
                    self._say(catalogue.OBJECT_UNROUTED, found.peer, object_id=found.object_id, peer=found.peer)
                if found.fate is Fate.CONFLICT:
                    log(catalogue.OBJECT_CONFLICT, object_id=found.object_id, other_id=found.other, peer=found.peer)
            case Fate.DUPLICATE:
                log(catalogue.OBJECT_DUPLICATE, object_id=found.object_id, other_id=found.other)
            case Fate.SET_ASIDE:
                log(catalogue.OBJECT_UNREADABLE, object_id=found.object_id, reason=found.reason)
            case Fate.LOST:
                log(catalogue.OBJECT_LOST, object_id=found.object_id)
            case Fate.LEFT:
                advice = "Check the disk; it is tried again."
                self._say(catalogue.DISK_REFUSED, found.reason, reason=found.reason, advice=advice)
            case Fate.KNOWN:
                pass
