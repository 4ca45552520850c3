"""The queue of one destination: hands out leased rows, keeps the breaker, writes outcomes to the ledger.

Shared by the destination's couriers and by nobody else's, so one dead destination blocks nothing else. Sleeps until the
next row is due or the breaker lets an attempt through; it never polls. What is proven is said when the ledger has it.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, DiskError
from appliance.base.events import Event
from appliance.base.throttle import Throttle, not_shown
from appliance.config.week import Week
from appliance.delivery.figures import Figures
from appliance.delivery.gate import Gate
from appliance.delivery.gathering import Gathering, Proof
from appliance.delivery.outcome import POISON, Outcome, Verdict
from appliance.delivery.ready import Ready
from appliance.delivery.session import Kind, Session
from appliance.delivery.sessions import Sessions
from appliance.delivery.suspects import Suspects
from appliance.delivery.unwritten import Change, Unwritten
from appliance.host.log import log
from appliance.routing.retry import CLOSED, Backoff, Breaker, Circuit
from appliance.vault.deliveries import Lease, Queue
from appliance.vault.ledger import Ledger

_DISK_PAUSE = 5.0  # seconds until the ledger is tried again
_random = random.SystemRandom()


class DestinationQueue:
    """What waits for one destination. Thread-safe."""

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_learned: Callable[[], None] = lambda: None,
        gather: float = limits.PROOF_GATHER.default,
        backoff: Backoff | None = None,
        gate: Gate | None = None,
        now: Callable[[], float] = time.time,
        wall: Callable[[], float] = time.time,
        draw: Callable[[], float] = _random.random,
    ) -> None:
        """`on_change` is called after every outcome, `on_learned` when a session said what the destination accepts;
        both from the couriers' threads. For proofs it is asked `gather` seconds after an instance was stored at the
        earliest. `now` and `wall` give Unix seconds: waits and leases are measured by the first, which no step of the
        clock should reach; the second dates what a person reads."""
        self.name = name
        self._ledger = ledger
        self._on_change = on_change
        self._on_learned = on_learned
        self._on_stored: Callable[[], None] | None = None
        self._gather = gather
        self._backoff = backoff or Backoff(limits.RETRY_BASE.default, limits.RETRY_CAP.default)
        self._now = now
        self._wall = wall
        self._draw = draw
        self._gate = gate or Gate()
        self._figures = Figures(wall)
        self._condition = threading.Condition()
        self._breaker: Breaker = CLOSED
        self._stopping = False
        self._error = ""
        self._advice = ""
        self._refusals: dict[Kind, tuple[float, str]] = {}
        self._throttle = Throttle()
        self._suspects = Suspects()
        self._ready = Ready()
        self._gathering = Gathering()
        self._unwritten = Unwritten()
        self._written: list[tuple[Proof, bool]] = []  # to be said, with whether the destination is to be asked for more
        self.sessions = Sessions(name, self._condition)

    # For whoever feeds and steers the queue

    def wake(self) -> None:
        """There may be something to deliver."""
        with self._condition:
            self._condition.notify_all()

    def stop(self) -> None:
        """Let the couriers end after the instance that is under way."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def block(self, reason: str) -> None:
        """Hand out nothing from now on, and say why; "" ends that. What was handed out is not taken back."""
        with self._condition:
            self._gate.blocked = reason
            self._withdraw()
            self._condition.notify_all()
        self._on_change()

    def pause(self, since: float | None) -> None:
        """A person holds the destination back, since this Unix time, or no longer: None. What is under way ends."""
        with self._condition:
            self._gate.paused = since
            self._withdraw()
            self._condition.notify_all()
        self._on_change()

    def renewed(self, schedule: Week | None = None) -> None:
        """The entry of the destination was changed: what was found out about it counts no more."""
        with self._condition:
            self._gate.follow(schedule)
            self._breaker, self._error, self._advice = CLOSED, "", ""
            self._refusals.clear()
            self._condition.notify_all()

    def prove(self, on_stored: Callable[[], None] | None) -> None:
        """With `on_stored` a status of success is no proof from now on: it is called when rows wait to be proven."""
        with self._condition:
            self._on_stored = on_stored

    def retry_held(self) -> int:
        """Send on what is held, try what was refused anew, and wait no longer; the number of rows that were held."""
        with self._condition:
            rows = self._ledger.retry_held(self.name, self._now())
            self._hurry()
        return rows

    def retry_one(self, object_id: str) -> bool:
        """Send on one delivery that is held, whoever holds it, or gathers; False if it does neither."""
        with self._condition:
            if found := self._ledger.release(object_id, self.name, self._now()):
                self._hurry()
        return found

    def snapshot(self, counts: Queue) -> dict[str, Any]:
        """The state as JSON values, for the panel and the command line."""
        with self._condition:
            breaker = self._breaker
            wait = max(0.0, breaker.until - time.monotonic()) if breaker.circuit is Circuit.OPEN else 0.0
            return {
                "waiting": counts.waiting,
                "gathering": counts.gathering,
                "leased": counts.leased,
                "stored": counts.stored,
                "held": counts.held,
                "delivered": counts.delivered,
                "oldest": counts.oldest,
                "error": self._gate.blocked or self._error,
                "advice": "" if self._gate.blocked else self._advice,
                "circuit": breaker.circuit.value,
                "failures": breaker.failures,
                "next_try_in": round(wait, 1),
                **self._gate.snapshot(),
                **self._figures.snapshot(counts),
            }

    # For the couriers

    @property
    def flowing(self) -> bool:
        """Whether the next instance may be sent: neither the breaker nor the gate nor a stop speaks against it."""
        return self._breaker.circuit is Circuit.CLOSED and self._gate.open and not self._stopping

    @property
    def trying(self) -> bool:
        """Whether the destination, which failed, is being tried."""
        return self._breaker.circuit is Circuit.HALF_OPEN

    def ready(self) -> list[Lease]:
        """What is leased and handed to nobody yet."""
        with self._condition:
            return self._ready.leases()

    def take(
        self,
        linger: float | None = None,
        retired: Callable[[], bool] = lambda: False,
        suits: Callable[[Lease], bool] = lambda _: True,
    ) -> list[Lease] | None:
        """Wait for rows and lease them: one where the destination is being tried, else a share of a batch, of those
        that suit where there are any.

        `linger` is for who has an open session: an empty list after so many seconds without work, or at once when
        another courier waits to associate, so that a destination of few associations serves it. None to stop, or where
        the courier has `retired`.
        """
        until = None if linger is None else time.monotonic() + linger
        while True:
            with self._condition:
                self._ready.returned(threading.get_ident())
                if self._stopping or retired():
                    self._withdraw()
                    break
                leases, waits = self._look(suits, may_lease=linger is not None or self.sessions.may_open())
                if leases:
                    return leases
                if not self._written:
                    if until is not None:
                        left = until - time.monotonic()
                        if left <= 0 or self.sessions.wanted:
                            return []
                        waits.append(left)
                    self._condition.wait(min((each for each in waits if each is not None), default=None))
            self._tell()
        self.write_proofs()
        return None

    def _look(self, suits: Callable[[Lease], bool], *, may_lease: bool) -> tuple[list[Lease], list[float | None]]:
        """Leases, or the seconds after which to look again (None: when woken). Who finds none writes proofs."""
        try:
            leases, wait = self._lease(suits) if may_lease else ([], None)
            return leases, [] if leases else [wait, self._write_due()]
        except DiskError as error:
            self._say(catalogue.DISK_REFUSED, error.message, error.fix)
        except Exception as error:  # noqa: BLE001, a courier must not end
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="the queue")
        return [], [_DISK_PAUSE]

    def opened(self, session: Session) -> None:
        """A session was opened: remember what the destination takes."""
        accepted, proposed = set(session.accepted), set(session.proposed)
        if not proposed:
            return  # nothing was negotiated
        now = self._wall()
        self._write(lambda: self._ledger.note_accepted(self.name, accepted, proposed - accepted, now))
        self._on_learned()

    def delivered(self, lease: Lease, status: int) -> None:
        """This one was stored, with this status. That is written with others: soon by a courier, or by who calls
        `write_proofs` where all of them are at work on something long."""
        with self._condition:
            self._suspects.succeeded()
            self._gathering.add(lease, status)
            if self._gathering.due_in(idle=False) == 0:
                self._write_proofs()
        self._tell()
        self._succeeded()

    def write_proofs(self) -> None:
        """Write what was stored now, and what could not be written before."""
        with self._condition:
            self._write_proofs()
            self._write_rest()
        self._tell()

    def _write_due(self) -> float | None:
        """For who is idle: write what was stored, if it is time; the seconds until it is."""
        due = self._gathering.due_in(idle=True)
        if due == 0:
            self._write_proofs()
        return due or None

    def _write_proofs(self) -> None:
        """One commit for all of them; they are proven, if a status is a proof here."""
        proofs = self._gathering.take()
        if not proofs:
            return
        at, ask = self._wall(), self._now() + self._gather

        def write() -> None:
            stored = self._on_stored is not None  # as it is now, should this be late
            with self._ledger.transaction():
                for lease, status in proofs:
                    if stored:
                        self._ledger.stored(lease.object_id, self.name, status, at, ask)
                    else:
                        self._ledger.delivered(lease.object_id, self.name, status, at)
            self._figures.delivered([lease for lease, _ in proofs])
            for lease, _ in proofs:
                self._suspects.delivered(lease.object_id)
            self._written += [(proof, stored) for proof in proofs]

        self._write(write)

    def _tell(self) -> None:
        """Say what was written, without the lock."""
        if not self._written:
            return  # nothing to wait for: this is asked for each instance
        with self._condition:
            written, self._written = self._written, []
            on_stored = self._on_stored
        for (lease, status), stored in written:
            event = catalogue.STORED if stored else catalogue.DELIVERED
            log(event, object_id=lease.object_id, destination=self.name, status=f"0x{status:04X}")
        if on_stored:
            on_stored()
        self._on_change()

    def _succeeded(self) -> None:
        """The destination showed itself at work."""
        if self._breaker is CLOSED and not self._error:
            return  # nothing to change, and so nothing to wait for: this is asked for each instance
        with self._condition:
            recovered = self._breaker.circuit is not Circuit.CLOSED
            self._breaker = self._breaker.succeeded()
            self._error = self._advice = ""
            if recovered:
                self._condition.notify_all()
        if recovered:
            log(catalogue.DESTINATION_RECOVERED, destination=self.name, waiting=self._waiting())
            self._on_change()

    def not_delivered(self, lease: Lease, outcome: Outcome) -> None:
        """This one was not stored; later, or held for a person."""
        with self._condition:
            if outcome.ended and self._suspects.ended(lease.object_id):
                outcome = POISON
            reason, advice = outcome.reason, outcome.advice
            self._figures.failed(reason, advice)
            if outcome.verdict is Verdict.PERMANENT and not outcome.ours:
                self._suspects.succeeded()
        if outcome.verdict is Verdict.PERMANENT:
            self._write(lambda: self._ledger.hold(lease.object_id, self.name, reason))
            self._say(catalogue.DELIVERY_HELD, reason, advice, object_id=lease.object_id)
        else:
            due = self._now() + max(outcome.retry_after, self._backoff.delay(lease.attempts, self._draw()))
            self._write(lambda: self._ledger.retry(lease.object_id, self.name, due, reason))
            self.wake()  # who is idle waits for that, should we be long at something else
        if outcome.ours:
            self.abandoned()
        elif outcome.verdict is Verdict.PERMANENT:
            self._succeeded()
        else:
            self._break(reason, advice, stumbled=outcome.verdict is Verdict.TEMPORARY, at_least=outcome.retry_after)
        self._on_change()

    def failed(self, error: ApplianceError) -> None:
        """The destination itself failed us."""
        with self._condition:
            self._figures.failed(error.message, error.fix)
        self._break(error.message, error.fix, stumbled=False)
        self._on_change()

    def abandoned(self) -> None:
        """What was tried ended without a word of the destination."""
        with self._condition:
            self._breaker = self._breaker.abandoned(time.monotonic())
            self._condition.notify_all()

    def give_back(self, leases: Collection[Lease]) -> None:
        """These were not tried."""
        if not leases:
            return
        untried, now = tuple(leases), self._now()

        def write() -> None:
            with self._ledger.transaction():
                for lease in untried:
                    self._ledger.give_back(lease.object_id, self.name, now)

        self._write(write)
        self.wake()

    def refuses(self, kind: Kind) -> str:
        """What was said when the destination refused this kind twice, lately; "" where it did not."""
        if not self._refusals:
            return ""  # nothing to wait for: this is asked for each instance
        with self._condition:
            until, reason = self._refusals.get(kind, (0.0, ""))
            return reason if time.monotonic() < until else ""

    def refused(self, kind: Kind, reason: str) -> None:
        """The destination refused this kind, and again on a new association."""
        with self._condition:
            self._refusals[kind] = time.monotonic() + limits.DELIVERY_REFUSAL.default, reason

    def _lease(self, suits: Callable[[Lease], bool]) -> tuple[list[Lease], float | None]:
        """Leases, or the seconds to wait for some (None: until woken)."""
        if self._unwritten:
            self._unwritten.settle()
            self._condition.notify_all()  # some of it may be due
        if not self.flowing:
            self._withdraw()
        if not self._gate.open:
            return [], self._gate.look_again()
        mono = time.monotonic()
        at = self._breaker.try_at(mono)
        if at is None:
            return [], None
        if at > mono:
            return [], at - mono
        if self._ready:
            return self._share(suits), None
        now = self._now()
        limit, fresh = 1, 0
        if self._breaker.circuit is Circuit.CLOSED:
            limit, fresh = limits.DELIVERY_BATCH.default, limits.DELIVERY_FRESH.default
        most = limits.DELIVERY_BATCH_BYTES.default
        leases = self._ledger.lease(self.name, now, limits.DELIVERY_LEASE.default, limit, fresh, most)
        if leases:
            self._breaker = self._breaker.attempt(mono)
            self._ready.add(leases)
            return self._share(suits), None
        due = self._ledger.next_due(self.name, now)
        return [], None if due is None else max(due - now, 0.001)

    def _share(self, suits: Callable[[Lease], bool]) -> list[Lease]:
        return self._ready.share(threading.get_ident(), self.sessions.open, suits)

    def _withdraw(self) -> None:
        """What is handed to nobody waits again."""
        self.give_back(self._ready.withdraw())

    def _hurry(self) -> None:
        """A person says that it is worth a try now."""
        self._refusals.clear()
        self._breaker = self._breaker.hurried(time.monotonic())
        self._condition.notify_all()

    def _break(self, reason: str, advice: str, *, stumbled: bool, at_least: float = 0.0) -> None:
        with self._condition:
            before = self._breaker
            step = before.stumbled if stumbled else before.failed
            self._breaker = step(time.monotonic(), self._backoff, self._draw(), at_least)
            opened = self._breaker.circuit is Circuit.OPEN and before.circuit is not Circuit.OPEN
            if opened:
                self._withdraw()
                self._error, self._advice = reason, advice
                self._condition.notify_all()
            delay = max(0.0, self._breaker.until - time.monotonic())
        if opened or stumbled:
            self._say(catalogue.DELIVERY_FAILED, reason, advice, waiting=self._waiting(), delay=f"{delay:.1f}")

    def _say(self, event: Event, reason: str, advice: str, **fields: object) -> None:
        """Log a failure, a few a minute for each reason."""
        with self._condition:
            passes, swallowed = self._throttle.passes((event.code, reason), time.monotonic())
        if passes:
            log(event, destination=self.name, reason=reason + not_shown(swallowed), advice=advice, **fields)

    def _waiting(self) -> int:
        try:
            counts = self._ledger.counts().get(self.name, Queue())
        except DiskError:
            return 0
        return counts.waiting + counts.leased

    def _write(self, change: Change) -> None:
        with self._condition:
            self._unwritten.add(change)
            self._write_rest()

    def _write_rest(self) -> None:
        """Write what is not written yet; what the medium refuses is written later."""
        try:
            self._unwritten.settle()
        except DiskError as error:
            self._say(catalogue.DISK_REFUSED, error.message, error.fix)
