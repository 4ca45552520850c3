"""Takes the commitment reports of a destination, whichever way they came, and says what became of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from appliance.base import catalogue
from appliance.base.events import Event
from appliance.base.throttle import Throttle, not_shown
from appliance.delivery.proof_outcome import judge_failure
from appliance.host.log import log
from appliance.upper_layer.commitment import Reference
from appliance.vault.proofs import Proofs, Reported


class ProofReports:
    """Thread-safe. What a report says is in the ledger, and its proofs in the journal, when `take` returns."""

    def __init__(
        self,
        destination: str,
        proofs: Proofs,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_resend: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`on_resend` is called when something waits to be sent again. `now` and `wall` are those of the queue."""
        self.destination = destination
        self._proofs = proofs
        self._on_change = on_change
        self._on_resend = on_resend
        self._now = now
        self._wall = wall
        self._lock = threading.Lock()
        self._throttle = Throttle()

    def take(self, transaction: str, reasons: Mapping[Reference, int]) -> Reported:
        """Take a report with its UIDs. Raises DiskError; then nothing was taken."""
        return self.take_tags(*self._proofs.tags(transaction, reasons))

    def take_tags(self, transaction_tag: bytes, reasons: Mapping[tuple[str, bytes], int]) -> Reported:
        """Take a report by its keyed tags."""
        reported = self._proofs.report(
            self.destination, transaction_tag, reasons, judge_failure, self._now(), self._wall()
        )
        self._log(reported, len(reasons))
        self._on_change()
        if reported.resent:
            self._on_resend()
        return reported

    def _log(self, reported: Reported, instances: int) -> None:
        if reported.request is None or reported.again:
            event = catalogue.PROOF_REPORTED_AGAIN if reported.again else catalogue.PROOF_REPORT_UNKNOWN
            self._say(event, "", instances=instances)
            return
        failed = [
            f"{count} {what}"
            for count, what in (
                (len(reported.resent), "not there, sent again"),
                (reported.asked_again, "to be asked for again"),
                (len(reported.held), "held"),
                (reported.unmentioned, "not mentioned"),
                (reported.strange, "not asked for"),
            )
            if count
        ]
        more = f"; {', '.join(failed)}" if failed else ""
        log(catalogue.PROOF_REPORTED, destination=self.destination, proven=len(reported.proven), more=more)
        for object_id in reported.proven:
            log(catalogue.PROVEN, object_id=object_id, destination=self.destination)
        for object_id, why in reported.held:
            self._say(
                catalogue.DELIVERY_HELD,
                why,
                object_id=object_id,
                reason=why,
                advice="Ask the destination's administrator; then run `appliance queue retry`, which sends it again.",
            )

    def _say(self, event: Event, key: str, **fields: object) -> None:
        with self._lock:
            passes, swallowed = self._throttle.passes((event.code, key), time.monotonic())
        if passes:
            if "reason" in fields:
                fields["reason"] = f"{fields['reason']}{not_shown(swallowed)}"
            log(event, destination=self.destination, **fields)
