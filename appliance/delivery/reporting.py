"""Tells peers what was decided on their commitment requests, until they have taken it.

Reports to a peer go from a thread of its own that lives while something is due, so a peer that is down holds up nobody
else; nor does a report that a peer answers with a failure hold up its others. A report is over when the peer's answer
is in the ledger; a crash before that repeats it. What cannot be reported because nothing leads to the peer is kept, and
costs nothing until the peer comes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from appliance.base import catalogue, limits
from appliance.base.errors import CryptoError, DiskError, LocalError, UpstreamError
from appliance.base.throttle import Throttle
from appliance.delivery.report_ways import NotTaken, NoWay, Round, Ways
from appliance.host.log import log
from appliance.routing.retry import TOLERATED, Backoff
from appliance.seal.commitment import CommitmentRequest
from appliance.upper_layer.commitment import report_taken
from appliance.vault.commitment_requests import WaitingRequests
from appliance.vault.commitments import Commitments, Pending

_BATCH = 16
_SOON = 1.0  # seconds: no peer is tried again sooner
_DISK_PAUSE = 5.0


class Reporting:
    """The threads that report, and what they know of each peer."""

    def __init__(
        self,
        waiting: WaitingRequests,
        commitments: Commitments,
        ways: Ways,
        *,
        on_change: Callable[[], None],
        give_up: float,
        backoff: Backoff,
        now: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        """`on_change` is called after each round of reports. `give_up` is seconds; `now` gives Unix seconds."""
        self._waiting = waiting
        self._commitments = commitments
        self._ways = ways
        self._on_change = on_change
        self._give_up = give_up
        self._backoff = backoff
        self._now = now
        self._draw = draw
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._failures: Counter[str] = Counter()
        self._throttle = Throttle()
        self._wake: Callable[[], None] = lambda: None
        self._arrivals: set[str] = set()
        self._answers: list[tuple[str, str, int]] = []

    def start(self, wake: Callable[[], None]) -> None:
        """Hear of associations; `wake` is called when `look` has something to do."""
        self._wake = wake
        self.readdress()
        try:
            self._ways.associations.start(self._arrived, self._answered)
        except LocalError as error:  # reports to addresses go on
            log(catalogue.REPORTS_UNREACHABLE, reason=error.message)

    def readdress(self) -> None:
        """Peers may have got an address meanwhile: what is kept for those is due."""
        addressed = set(filter(self._ways.has_address, self._commitments.kept_peers()))
        with self._lock:
            self._arrivals |= addressed

    def stop(self, seconds: float) -> bool:
        """End; what is under way is taken up at the next start. False where a report did not end in time."""
        self._ended.set()
        until = time.monotonic() + seconds
        self._ways.associations.stop()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _arrived(self, peer: str) -> None:
        with self._lock:
            self._arrivals.add(peer)
        self._wake()

    def _answered(self, peer: str, request_id: str, status: int) -> None:
        with self._lock:
            self._answers.append((peer, request_id, status))
        self._wake()

    def look(self) -> None:
        """Take in who came and what was answered late; start a thread for each peer that is to be told something."""
        self._take_in()
        for peer in self._commitments.peers_due(self._now()):
            with self._lock:
                if self._ended.is_set() or len(self._threads) >= limits.COMMITMENT_REPORTERS.default:
                    return
                if peer in self._threads:
                    continue
                thread = threading.Thread(target=self._run, args=(peer,), name="report", daemon=True)
                thread.start()  # at its end it needs the lock, so the next line comes first
                self._threads[peer] = thread

    def _take_in(self) -> None:
        with self._lock:
            arrivals, self._arrivals = self._arrivals, set()
            answers, self._answers = self._answers, []
        try:
            for peer, request_id, status in answers:
                if report_taken(status) and self._commitments.decided_for(peer, request_id):
                    self._over(peer, request_id, "over the association that asked")
            for peer in arrivals:
                self._commitments.recall(peer, self._now())
        except DiskError:  # none of them comes again of itself, and twice does no harm
            with self._lock:
                self._arrivals |= arrivals
                self._answers = answers + self._answers
            raise

    def asked_again(self, request: CommitmentRequest) -> None:
        """The peer asked for the same once more, perhaps over another association: that one may have the report."""
        if earlier := self._commitments.again(request, self._now()):
            self._ways.associations.asked_again(request.request_id, earlier)

    def clean(self) -> None:
        """Give up what was kept too long."""
        now = self._now()
        for pending in self._commitments.kept_since(now - self._give_up, 1000):
            self._abandon(pending, "it did not come for it", now)

    def _run(self, peer: str) -> None:
        try:
            self.report(peer)
        except DiskError as error:  # what was told is told again, once the ledger takes it
            log(catalogue.DISK_REFUSED, reason=error.message, advice=error.fix)
            self._ended.wait(_DISK_PAUSE)
        except Exception as error:  # noqa: BLE001, one peer's report must not end the others'
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where="commitment report")
            self._ended.wait(_DISK_PAUSE)
        finally:
            with self._lock:
                self._threads.pop(peer, None)
            self._on_change()

    def report(self, peer: str) -> None:
        """Report to `peer` all that is due, over as few associations as go."""
        reports = Round(self._ways)
        not_taken = 0  # in a row
        try:
            while not self._ended.is_set() and (due := self._commitments.decided(peer, self._now(), _BATCH)):
                for pending in due:
                    if self._ended.is_set():
                        return
                    try:
                        self._report_one(reports, pending)
                        not_taken = 0
                    except NotTaken as error:
                        self._not_taken(pending, error)
                        not_taken += 1
                        if not_taken == TOLERATED:
                            raise
        except UpstreamError as error:
            if not self._ended.is_set():
                self._postpone(peer, error)
        finally:
            reports.end()

    def _report_one(self, reports: Round, pending: Pending) -> None:
        try:
            request = self._waiting.open(pending.sealed)
        except CryptoError as error:
            self._abandon(pending, error.message, self._now())
            return
        try:
            way = reports.deliver(request, pending)
        except NoWay:
            if not self._ended.is_set():
                self._keep(request, pending)
            return
        self._over(pending.peer, pending.request_id, way)

    def _over(self, peer: str, request_id: str, way: str) -> None:
        self._commitments.reported(request_id, self._now())
        self._failures.pop(peer, None)
        log(catalogue.COMMITMENT_REPORTED, request_id=request_id, peer=peer, way=way)

    def _keep(self, request: CommitmentRequest, pending: Pending) -> None:
        now = self._now()
        if now - pending.entered > self._give_up:
            self._abandon(pending, "it did not come for it", now)
            return
        self._commitments.keep(pending.request_id)
        if self._ways.associations.of(request):  # it came in between, and was told to nobody who kept anything
            self._commitments.recall(pending.peer, now)
        elif self._passes(f"kept {pending.peer}"):
            log(catalogue.COMMITMENT_KEPT, request_id=pending.request_id, peer=pending.peer)

    def _abandon(self, pending: Pending, why: str, now: float) -> None:
        self._commitments.give_up(pending.request_id, why, now)
        log(catalogue.COMMITMENT_GIVEN_UP, request_id=pending.request_id, peer=pending.peer, reason=why)

    def _not_taken(self, pending: Pending, error: NotTaken) -> None:
        now = self._now()
        if now - pending.entered > self._give_up:
            self._abandon(pending, error.message, now)
            return
        delay = self._delay(pending.attempts + 1)
        self._commitments.not_taken(pending.request_id, error.message, now + delay)
        self._say_unreported(pending.peer, error, delay)

    def _delay(self, failures: int) -> float:
        return max(_SOON, self._backoff.delay(failures, self._draw()))

    def _postpone(self, peer: str, error: UpstreamError) -> None:
        self._failures[peer] += 1
        delay = self._delay(self._failures[peer])
        now = self._now()
        for pending in self._commitments.decided(peer, now, _BATCH):
            if not error.temporary or now - pending.entered > self._give_up:
                self._abandon(pending, error.message, now)
        self._commitments.failed(peer, error.message, now + delay)
        self._say_unreported(peer, error, delay)

    def _say_unreported(self, peer: str, error: UpstreamError, delay: float) -> None:
        if self._passes(peer):
            log(
                catalogue.COMMITMENT_UNREPORTED,
                peer=peer,
                reason=error.message,
                delay=f"{delay:.0f}",
                advice=error.fix or "Check commitment of this [[peer]], and that the device is up.",
            )

    def _passes(self, key: str) -> bool:
        with self._lock:
            return self._throttle.passes(key, time.monotonic())[0]
