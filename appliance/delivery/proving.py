"""Asks one destination to commit to what it stored, in batches, and again where no report comes.

One thread with at most one association, which counts among the sessions of the destination. Sleeps until something is
due; never polls. Nothing is proven here: `ProofReports` takes what the destination says.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, CryptoError, DiskError, UpstreamError
from appliance.base.events import Event
from appliance.base.throttle import Throttle, not_shown
from appliance.delivery.keyring import Keyring, Locked
from appliance.delivery.outcome import judge
from appliance.delivery.proof_reports import ProofReports
from appliance.delivery.proof_session import Take
from appliance.delivery.sessions import Crowded, Sessions
from appliance.delivery.source import Source
from appliance.host.log import log
from appliance.routing.retry import Backoff
from appliance.upper_layer.commitment import Reference, report_taken
from appliance.vault.objects import Objects
from appliance.vault.proofs import Proofs, Stored
from appliance.vault.refusals import NotThere

_CROWDED = 2.0  # seconds until a place is tried for again, where others deliver
_LONGEST = 60.0  # seconds between two looks, for a clock that was set
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds and counts of asking; the limits say what each is for."""

    gather: float = limits.PROOF_GATHER.default
    batch: int = limits.PROOF_BATCH.default
    open_requests: int = limits.PROOF_OPEN.default
    wait: float = limits.PROOF_WAIT.default
    deadline: float = limits.PROOF_DEADLINE.default
    longest: float = limits.PROOF_DEADLINE_CAP.default
    asks: int = limits.PROOF_ASKS.default
    backoff: Backoff = Backoff(limits.RETRY_BASE.default, limits.PROOF_RETRY_CAP.default)  # noqa: RUF009, it is frozen

    def patience(self, asks: int) -> float:
        """How long a report may take after an instance was asked for `asks` times before."""
        return min(self.longest, self.deadline * 2.0 ** min(asks, 62))


class Session(Protocol):
    """An association for requests, as `proof_session` makes it."""

    @property
    def usable(self) -> bool: ...
    def ask(self, transaction: str, references: list[Reference]) -> int: ...
    def listen(self, seconds: float, enough: Callable[[], bool]) -> None: ...
    def cut(self) -> None: ...
    def end(self) -> None: ...


class Instances:
    """The SOP Instance UIDs of objects, which stand nowhere but in them."""

    def __init__(self, objects: Objects, keyring: Keyring) -> None:
        self._objects = objects
        self._keyring = keyring

    def __call__(self, stored: Stored) -> str:
        """Open an object and read whose it is. Raises `NotThere`, CryptoError, DiskError, `Locked`."""
        kind = (stored.sop_class, stored.transfer_syntax)
        with self._objects.open(stored.object_id) as file:
            return Source(file, lambda: self._keyring.identities, kind, stored.object_id).meta.sop_instance


class Prover:
    """The thread that asks one destination."""

    def __init__(
        self,
        reports: ProofReports,
        proofs: Proofs,
        sessions: Sessions,
        connect: Callable[[Take], Session],
        instance: Callable[[Stored], str],
        *,
        terms: Terms | None = None,
        on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        draw: Callable[[], float] = _random.random,
    ) -> None:
        """`instance` gives the SOP Instance UID of an object. `now` gives Unix seconds."""
        self.destination = reports.destination
        self._reports = reports
        self._proofs = proofs
        self._sessions = sessions
        self._connect = connect
        self._instance = instance
        self._terms = terms or Terms()
        self._on_change = on_change
        self._now = now
        self._draw = draw
        self._condition = threading.Condition()
        self._awake = True
        self._stopping = False
        self._session: Session | None = None
        self._awaited: set[int] = set()  # requests over this association that have no report yet
        self._failures = 0
        self._error = ""
        self._throttle = Throttle()
        self._thread = threading.Thread(target=self._run, name=f"prover {self.destination}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to ask for."""
        with self._condition:
            self._awake = True
            self._condition.notify()

    def stop(self) -> None:
        """End soon; `join` waits for it. What was asked for stays asked for."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
            if self._session:
                self._session.cut()

    def join(self, seconds: float) -> None:
        """Wait for the end."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def is_alive(self) -> bool:
        """Whether it asks."""
        return self._thread.is_alive()

    def snapshot(self) -> dict[str, Any]:
        """What stands in the way of proofs, as JSON values."""
        return {"overdue": self._proofs.overdue(self.destination), "proof_error": self._error}

    def take(self, transaction_tag: bytes, reasons: Mapping[tuple[str, bytes], int]) -> None:
        """Take a report that came by another way than ours."""
        self._reports.take_tags(transaction_tag, reasons)
        self.wake()  # where many are open, one less may let the next go

    def _run(self) -> None:
        pause: float | None = 0.0
        while True:
            with self._condition:
                if not self._awake and not self._stopping:
                    self._condition.wait(pause)
                if self._stopping:
                    return
                self._awake = False
            pause = self.look()

    def look(self) -> float | None:
        """Ask for what is due. The seconds after which to look again unasked; None for when woken."""
        try:
            if batch := self._due():
                self._ask_over_one_association(batch)
            self._failures = 0
            return self._pause()
        except Locked:
            return _LONGEST  # until `unlock`
        except Crowded:
            return _CROWDED
        except UpstreamError as error:
            if not self._stopping:
                self._fail(error.message, error.fix, catalogue.PROOF_UNASKED)
        except ApplianceError as error:
            self._fail(error.message, error.fix, catalogue.DISK_REFUSED)
        except Exception as error:  # noqa: BLE001, the thread must go on
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="proofs")
            self._failures += 1
        return self._terms.backoff.delay(max(self._failures, 1), self._draw())

    def _pause(self) -> float | None:
        due = self._proofs.next_due(self.destination)
        return None if due is None else min(max(due - self._now(), 0.1), _LONGEST)

    def _due(self) -> list[Stored]:
        """A batch to ask for, if it is full or its first has waited long enough; nothing while too many are open."""
        terms, now = self._terms, self._now()
        while True:
            rows = self._proofs.due(self.destination, now + terms.gather, terms.batch)
            worn_out = [each for each in rows if each.asks >= terms.asks]
            for each in worn_out:
                self._hold(each, f"it stored this and did not commit to it: {each.asks} requests brought no report")
            if not worn_out:
                break
        due = self._proofs.next_due(self.destination)
        if due is None or (due > now and len(rows) < terms.batch):
            return []
        if self._proofs.open_requests(self.destination, now - terms.deadline) >= terms.open_requests:
            return []
        return rows

    def _ask_over_one_association(self, batch: list[Stored]) -> None:
        with self._sessions.opening():
            session = self._connect(self._taken)
        self._awaited.clear()
        with self._condition:
            self._session = session
        try:
            if any(each.asks for each in batch):  # it may have kept its report until we came
                self._say_overdue(sum(each.asks > 0 for each in batch))
                session.listen(min(self._terms.wait, limits.COMMITMENT_QUIET.default / 1000 * 2), self._enough)
                batch = self._due()
            patient = True  # some are confused by a request while they report; those that don't report here don't mind
            while batch and session.usable and not self._stopping:
                self._ask(session, batch)
                batch = self._due()
                if session.usable and (patient or not batch):
                    session.listen(self._terms.wait, lambda: self._enough() or not self._awaited)
                    patient = not self._awaited
                    batch = self._due()
            self._error = ""
        finally:
            with self._condition:
                self._session = None
            session.end()
            self._sessions.closed()
            self._on_change()

    def _enough(self) -> bool:
        return self._stopping or bool(self._sessions.wanted)

    def _ask(self, session: Session, batch: list[Stored]) -> None:
        """Send one request. It is in the ledger before."""
        now = self._now()
        references: dict[str, Reference] = {}
        for each in batch:
            try:
                references[each.object_id] = (each.sop_class, self._instance(each))
            except NotThere:
                self._hold(each, "the object's file is missing")
            except Locked:
                raise
            except CryptoError as error:
                self._hold(each, f"the object cannot be opened: {error.message}")
            except OSError as error:
                raise DiskError("an object's file cannot be read") from error
        if not references:
            return
        transaction = f"2.25.{uuid.uuid4().int}"
        due = {each.object_id: now + self._terms.patience(each.asks) for each in batch if each.object_id in references}
        request = self._proofs.ask(self.destination, transaction, due, now)
        self._awaited.add(request)
        try:
            status = session.ask(transaction, list(dict.fromkeys(references.values())))
        except UpstreamError:
            self._proofs.not_asked(request, now)
            raise
        if not report_taken(status):
            self._awaited.discard(request)
            self._proofs.refused(request)
            raise UpstreamError(
                f"it answered the request to commit with {judge(status).reason}",
                fix="Look at the destination's log: is storage commitment enabled there for this AE title?",
            )
        log(catalogue.PROOF_ASKED, destination=self.destination, instances=len(references))

    def _taken(self, transaction: str, reasons: Mapping[Reference, int]) -> None:
        reported = self._reports.take(transaction, reasons)
        if reported.request is not None:
            self._awaited.discard(reported.request)

    def _hold(self, stored: Stored, why: str) -> None:
        if self._proofs.hold(stored.object_id, self.destination, why):
            self._say(
                catalogue.DELIVERY_HELD,
                why,
                "Look at storage commitment there; then run `appliance queue retry`, which sends it again.",
                object_id=stored.object_id,
            )
            self._on_change()

    def _fail(self, reason: str, advice: str, event: Event) -> None:
        self._failures += 1
        self._error = reason
        self._say(event, reason, advice)
        self._on_change()

    def _say_overdue(self, instances: int) -> None:
        self._say(
            catalogue.PROOF_OVERDUE,
            "no report on storage commitment came in time",
            'Can it reach us for its reports (docs/upstreams.md, "Proof")? Look at storage commitment in its log.',
            instances=instances,
        )

    def _say(self, event: Event, reason: str, advice: str, **fields: object) -> None:
        passes, swallowed = self._throttle.passes((event.code, reason), time.monotonic())
        if passes:
            log(event, destination=self.destination, reason=reason + not_shown(swallowed), advice=advice, **fields)
