"""The destinations whose proof is storage commitment: who asks each, and who takes over reports that came to `receive`.

Owns the threads. A report of a destination that is not asked any more is dropped, and said.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, CryptoError, DiskError
from appliance.config.destinations import AnyDestination, DimseDestination
from appliance.delivery.proof_reports import ProofReports
from appliance.delivery.proof_session import ProofSession
from appliance.delivery.proving import Prover, Terms
from appliance.delivery.queue import DestinationQueue
from appliance.host.log import log
from appliance.host.pulse import Pulse
from appliance.vault.proof_reports import WaitingReports
from appliance.vault.proofs import Proofs, Stored
from appliance.vault.refusals import NotThere

_DISK_PAUSE = 5.0
_HOUSEKEEPING = 3600.0


def by_commitment(destination: AnyDestination) -> TypeGuard[DimseDestination]:
    """Whether a status is not enough for this one."""
    return isinstance(destination, DimseDestination) and destination.proof == "commitment"


class Provers:
    """One `Prover` a destination, and a thread for what comes through `receive`. `configure` is called by one thread;
    the rest may be by any."""

    def __init__(
        self,
        proofs: Proofs,
        waiting: WaitingReports,
        instance: Callable[[Stored], str],
        *,
        terms: Terms | None = None,
        on_change: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` is the clock of the queues."""
        self._proofs = proofs
        self._waiting = waiting
        self._instance = instance
        self._terms = terms
        self._on_change = on_change
        self._now = now
        self._provers: dict[str, Prover] = {}
        self._served: dict[str, tuple[DimseDestination, str]] = {}
        self._retired: list[Prover] = []
        self._started = False
        self._condition = threading.Condition()
        self._awake = True  # files may lie there already
        self._stopping = False
        self._cleaned = 0.0
        self._pulse = Pulse()
        self._thread = threading.Thread(target=self._run, name="proof reports", daemon=True)

    def configure(
        self, destinations: Sequence[AnyDestination], queues: Mapping[str, DestinationQueue], ae_title: str
    ) -> None:
        """Ask these from now on, and no others. What was stored while another proof was wanted counts as delivered."""
        wanted = {each.name: (each, ae_title) for each in destinations if by_commitment(each)}
        provers = dict(self._provers)
        for name in provers.keys() - {name for name, how in wanted.items() if self._served.get(name) == how}:
            gone = provers.pop(name)
            gone.stop()
            self._retired = [each for each in (*self._retired, gone) if each.is_alive()]
        for name, (destination, title) in wanted.items():
            if name not in provers:
                provers[name] = self._hire(destination, queues[name], title)
        self._provers, self._served = provers, wanted
        for each in destinations:
            prover = provers.get(each.name)
            queues[each.name].prove(prover.wake if prover else None)
            if prover is None:
                self._proofs.settle(each.name, time.time())

    def _hire(self, destination: DimseDestination, queue: DestinationQueue, ae_title: str) -> Prover:
        prover = Prover(
            ProofReports(
                destination.name, self._proofs, on_change=self._on_change, on_resend=queue.wake, now=self._now
            ),
            self._proofs,
            queue.sessions,
            lambda take: ProofSession(destination, ae_title, take),
            self._instance,
            terms=self._terms,
            on_change=self._on_change,
            now=self._now,
        )
        if self._started:
            prover.start()
        return prover

    def start(self) -> None:
        """Begin."""
        self._started = True
        self._thread.start()
        for prover in self._provers.values():
            prover.start()

    def stop(self) -> None:
        """End soon."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        for prover in self._provers.values():
            prover.stop()

    def join(self, seconds: float) -> bool:
        """Wait for the end; False where it did not come in time."""
        until = time.monotonic() + seconds
        everybody = [*self._retired, *self._provers.values()]
        for prover in everybody:
            prover.join(max(0.0, until - time.monotonic()))
        if self._thread.ident is not None:
            self._thread.join(max(0.0, until - time.monotonic()))
        return not (self._thread.is_alive() or any(each.is_alive() for each in everybody))

    def is_alive(self) -> bool:
        """Whether all of them work, and it comes on with what came."""
        return (
            self._thread.is_alive() and self._pulse.moves() and all(each.is_alive() for each in self._provers.values())
        )

    def look(self) -> None:
        """There may be reports in `incoming/`."""
        with self._condition:
            self._awake = True
            self._condition.notify()

    def snapshot(self, destination: str) -> dict[str, Any]:
        """What is to be said of a destination beside its queue."""
        prover = self._provers.get(destination)
        return prover.snapshot() if prover else {}

    def take_over(self) -> DiskError | None:
        """Enter the reports that lie in `incoming/`: each is in the ledger before its file goes.

        A file that the disk does not give stays, and keeps no other waiting; what the disk said of it is returned.
        """
        refused: DiskError | None = None
        for report_id in self._waiting.ids():
            self._pulse.beat()
            try:
                report = self._waiting.read(report_id)
            except NotThere:
                continue
            except CryptoError as error:
                self._waiting.set_aside(report_id)
                log(catalogue.PROOF_REPORT_UNREADABLE, report_id=report_id, reason=error.message)
                continue
            except DiskError as error:
                refused = refused or error
                continue
            reasons = {(sop_class, tag): reason for sop_class, tag, reason in report.reasons}
            if prover := self._provers.get(report.destination):
                prover.take(report.transaction_tag, reasons)
            else:
                log(catalogue.PROOF_REPORT_UNKNOWN, destination=report.destination, instances=len(reasons))
            self._waiting.leave(report_id)
        return refused

    def _run(self) -> None:
        pause: float | None = None
        while True:
            self._pulse.rest()
            with self._condition:
                if not self._awake and not self._stopping:
                    self._condition.wait(pause)
                if self._stopping:
                    return
                self._awake = False
            self._pulse.beat()
            pause = self._look()

    def _look(self) -> float | None:
        try:
            refused = self.take_over()
            if not self._cleaned or time.monotonic() - self._cleaned > _HOUSEKEEPING:
                self._cleaned = time.monotonic()
                self._proofs.forget(self._now() - limits.COMMITMENT_MEMORY.default)
            if refused:
                raise refused
            return None
        except DiskError as error:
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
        except ApplianceError as error:
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="proof reports")
        except Exception as error:  # noqa: BLE001, the thread must go on
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="proof reports")
        return _DISK_PAUSE
