"""Storage commitment as it runs: takes over requests and decides them; `Reporting` tells the peers.

One thread. It sleeps until the next thing is due, a request lies in `incoming/`, or a peer came whose report is kept. A
decision is in the ledger before anybody is told.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, CryptoError, DiskError
from appliance.base.throttle import Throttle
from appliance.delivery.commitment_decision import Decision
from appliance.delivery.report_ways import Ways
from appliance.delivery.reporting import Reporting
from appliance.host.log import log
from appliance.host.pulse import Pulse
from appliance.routing.retry import Backoff
from appliance.seal.commitment import CommitmentRequest
from appliance.upper_layer.commitment import DUPLICATE_TRANSACTION
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.commitments import Commitments, Entry, Pending
from appliance.vault.objects import Objects
from appliance.vault.refusals import NotThere

_BATCH = 16
_SOON = 1.0  # seconds until a request is looked at again that waits for an instance
_DISK_PAUSE = 5.0
_HOUSEKEEPING = 3600.0
_random = random.SystemRandom()


class Committer:
    """Storage commitment's thread, and those of `reporting`."""

    def __init__(
        self,
        waiting: WaitingRequests,
        commitments: Commitments,
        objects: Objects,
        decision: Decision,
        ways: Ways,
        *,
        on_change: Callable[[], None] = lambda: None,
        grace: float = limits.COMMITMENT_GRACE.default,
        patience: float = limits.COMMITMENT_PATIENCE.default,
        give_up: float = limits.COMMITMENT_GIVE_UP.default,
        backoff: Backoff | None = None,
        now: Callable[[], float] = time.time,
        draw: Callable[[], float] = _random.random,
    ) -> None:
        """`grace`, `patience` and `give_up` are seconds: for an instance to come, for one to be adopted, for a report
        to be taken. `now` gives Unix seconds."""
        self._waiting = waiting
        self._commitments = commitments
        self._objects = objects
        self._decision = decision
        self._on_change = on_change
        self._grace = grace
        self._patience = patience
        self._now = now
        self._condition = threading.Condition()
        self._awake = True  # files may lie there already
        self._ended = threading.Event()
        self.reporting = Reporting(
            waiting,
            commitments,
            ways,
            on_change=self._told,
            give_up=give_up,
            backoff=backoff or Backoff(limits.RETRY_BASE.default, limits.RETRY_CAP.default),
            now=now,
            draw=draw,
        )
        self._before: dict[str, set[str]] = {}
        self._throttle = Throttle()
        self._cleaned = 0.0
        self._pulse = Pulse()
        self._thread = threading.Thread(target=self._run, name="commitment", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.reporting.start(self.wake)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        with self._condition:
            self._awake = True
            self._condition.notify()

    def stop(self, seconds: float = 5.0) -> bool:
        """End; what is under way is taken up at the next start. False where a report did not end in time."""
        self._ended.set()
        with self._condition:
            self._condition.notify()
        until = time.monotonic() + seconds
        if self._thread.is_alive():
            self._thread.join(seconds)
        return self.reporting.stop(max(0.0, until - time.monotonic())) and not self._thread.is_alive()

    def is_alive(self) -> bool:
        """Whether requests are seen to, and it comes on with them."""
        return self._thread.is_alive() and self._pulse.moves()

    def counts(self) -> dict[str, int]:
        """Requests that are not decided, and decisions that are not reported."""
        return self._commitments.counts()

    def _run(self) -> None:
        pause: float | None = 0.0
        while True:
            self._pulse.rest()
            with self._condition:
                if not self._awake and not self._ended.is_set():
                    self._condition.wait(pause)
                if self._ended.is_set():
                    return
                self._awake = False
            self._pulse.beat()
            pause = self._look()

    def _look(self) -> float | None:
        """Do what is due. Returns the seconds after which to look again unasked, None for when woken."""
        try:
            refused = self.take_over()
            self.decide()
            self.reporting.look()
            self._clean()
            if refused:
                raise refused
            return self._pause()
        except DiskError as error:
            if self._passes("disk"):
                log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
        except ApplianceError as error:
            if self._passes("local"):
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="commitment")
        except Exception as error:  # noqa: BLE001, the thread must go on
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="commitment")
        return _DISK_PAUSE

    def _pause(self) -> float | None:
        due = self._commitments.next_due()
        if due is None:
            return None
        # What is due and still there waits for a thread that reports, which wakes us at its end; or for a clock that
        # was set back. What is kept is not due.
        return min(max(due - self._now(), _SOON), limits.RETRY_CAP.default)

    # Requests

    def take_over(self) -> DiskError | None:
        """Enter what waits in `incoming/`, the oldest of a batch first: the row is durable before the file goes.

        A file that the disk does not give stays, and keeps nobody waiting; what the disk said of it is returned.
        """
        ids, refused = self._waiting.ids(), list[DiskError]()
        for start in range(0, len(ids), _BATCH):
            batch = self._read(ids[start : start + _BATCH], refused)
            for request, sealed in sorted(batch, key=lambda each: each[0].received):
                if self._at_the_end():
                    return None
                entry = self._commitments.enter(request, sealed, self._now(), DUPLICATE_TRANSACTION)
                if entry is Entry.DUPLICATE:
                    reasons = [DUPLICATE_TRANSACTION] * len(request.references)
                    self._say_decision(request.request_id, request.peer, reasons)
                elif entry is Entry.REPEATED:
                    self.reporting.asked_again(request)
                self._waiting.leave(request.request_id)
                self._on_change()
        return refused[0] if refused else None

    def _read(self, request_ids: list[str], refused: list[DiskError]) -> Iterator[tuple[CommitmentRequest, bytes]]:
        for request_id in request_ids:
            try:
                yield self._waiting.read(request_id)
            except NotThere:
                continue
            except CryptoError as error:
                self._waiting.set_aside(request_id)
                log(catalogue.COMMITMENT_UNREADABLE, request_id=request_id, reason=error.message)
            except DiskError as error:
                refused.append(error)

    def decide(self) -> None:
        """Decide what is due. An instance that is not here yet may be on its way: `grace` for that; and whatever
        `receive` had taken before the request is adopted first, for which there is `patience`."""
        for pending in self._commitments.asked(self._now(), _BATCH):
            if self._at_the_end():
                return
            try:
                references = self._waiting.open(pending.sealed).references
            except CryptoError as error:
                self._end_unreadable(pending, error)
                continue
            if self._decision.missing(references) and self._may_come(pending):
                self._commitments.postpone(pending.request_id, self._now() + _SOON)
                continue
            reasons = self._decision.reasons(references, self._at_the_end)
            if reasons is None:
                return
            self._commitments.decide(pending.request_id, reasons, self._now())
            self._before.pop(pending.request_id, None)
            self._say_decision(pending.request_id, pending.peer, reasons)
            self._on_change()

    def _at_the_end(self) -> bool:
        """Whether we were told to; asked at each step."""
        self._pulse.beat()
        return self._ended.is_set()

    def _may_come(self, pending: Pending) -> bool:
        """Whether an instance that is missing now may still be found."""
        age = self._now() - pending.entered
        if age < 0 or age > self._patience:  # the clock was set, or it was long enough
            return False
        waiting = set(self._objects.waiting())
        before = self._before.setdefault(pending.request_id, waiting)
        return age < self._grace or bool(before & waiting)

    def _end_unreadable(self, pending: Pending, error: CryptoError) -> None:
        self._commitments.give_up(pending.request_id, error.message, self._now())
        log(catalogue.COMMITMENT_GIVEN_UP, request_id=pending.request_id, peer=pending.peer, reason=error.message)

    def _say_decision(self, request_id: str, peer: str, reasons: list[int]) -> None:
        failures = Counter(reason for reason in reasons if reason)
        words = ", ".join(f"{count} with 0x{reason:04X}" for reason, count in sorted(failures.items()))
        log(
            catalogue.COMMITMENT_DECIDED,
            request_id=request_id,
            peer=peer,
            committed=len(reasons) - failures.total(),
            failed=failures.total(),
            reasons=f" ({words})" if words else "",
        )

    def _clean(self) -> None:
        """Forget Transaction UIDs after a long time."""
        if time.monotonic() - self._cleaned < _HOUSEKEEPING and self._cleaned:
            return
        self._cleaned = time.monotonic()
        self._waiting.settle()
        self._commitments.forget(self._now() - limits.COMMITMENT_MEMORY.default)
        self.reporting.clean()

    def _told(self) -> None:
        """A round of reports is over."""
        self._on_change()
        self.wake()

    def _passes(self, key: str) -> bool:
        return self._throttle.passes(key, time.monotonic())[0]
