"""Which way a commitment report goes: over the association that asked, or over a new one to the peer's address.

The association that asked comes first while it is open: a device that holds it open waits for just this, and it needs
no way back through a firewall. A device is free to release at once, and the standard has it take reports on another
association (PS3.4 J.3.3.1), so the address is next. A device that once ended an association over a report, or did not
take it there, gets later ones at its address first. One without an address gets what was kept over the next
association for commitment that it opens, by the same peer under the same two AE titles and no other.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from appliance.base import limits
from appliance.base.errors import UpstreamError, UpstreamRefused
from appliance.delivery.open_associations import AssociationEnded, OpenAssociations
from appliance.seal.commitment import CommitmentRequest
from appliance.upper_layer.commitment import report_taken
from appliance.vault.commitments import Pending


class Session(Protocol):
    """An association that we opened to a peer that takes reports."""

    @property
    def calling_ae(self) -> str: ...
    def report(self, request: CommitmentRequest, reasons: tuple[int, ...]) -> None:
        """Raises NotTaken where the peer answers a failure, another UpstreamError where the association is over."""

    def end(self) -> None: ...


Connect = Callable[[str, str], Session]
"""Associates with a peer, by its name, under an AE title of ours. Raises UpstreamError."""


class NotTaken(UpstreamError):
    """The peer answered this report with a failure: it is there, and may well take another."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered the report with 0x{status:04X}")


class NoWay(Exception):
    """Nothing is open to the peer now, and it has no address: the report is kept."""


class Ways:
    """What all peers' reports share. Thread-safe."""

    def __init__(
        self, associations: OpenAssociations, connect: Connect, has_address: Callable[[str], bool] = lambda _: True
    ) -> None:
        self.associations = associations
        self.connect = connect
        self.has_address = has_address
        self._lock = threading.Lock()
        self._refused: Counter[str] = Counter()  # reports in a row that a peer did not take over its own association

    def refusals(self, peer: str) -> int:
        """How many reports in a row a peer did not take over associations that it opened."""
        return self._refused[peer]

    def went(self, peer: str, taken: bool) -> None:
        """Remember how a report over an association of the peer ended."""
        with self._lock:
            if taken:
                self._refused.pop(peer, None)
            else:
                self._refused[peer] += 1


class Round:
    """Reports to one peer, one after another, over as few new associations as go. One thread. Call `end`."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._session: Session | None = None

    def deliver(self, request: CommitmentRequest, pending: Pending) -> str:
        """Report, and say which way it went once the peer has taken it. Raises UpstreamError where it was not taken
        either way, NotTaken where that was the last way's answer, UpstreamRefused where it is not to be tried again,
        NoWay where there is no way now."""
        ways = [self._over_its_association, self._to_its_address]
        if self._ways.refusals(request.peer):
            ways.reverse()
        trouble: UpstreamError | None = None
        for way in ways:
            if self._ways.associations.stopping:
                raise NoWay
            try:
                return way(request, pending)
            except NoWay:
                continue
            except UpstreamError as error:
                trouble = error
        raise trouble or NoWay

    def end(self) -> None:
        """Release the association that was opened, if there is one."""
        session, self._session = self._session, None
        if session:
            session.end()

    def _over_its_association(self, request: CommitmentRequest, pending: Pending) -> str:
        associations, peer = self._ways.associations, request.peer
        association = associations.that_asked(pending.request_id)
        way = "over the association that asked"
        if association is None and not self._ways.has_address(peer):
            association = associations.of(request)
            way = "over a later association of its own"
        if association is None:
            raise NoWay
        try:
            status = associations.report(association, pending)
        except AssociationEnded as error:
            if not error.begun:
                raise NoWay from None
            self._not_taken(peer, error)
            raise
        if not report_taken(status):
            if self._ways.has_address(peer):
                self._ways.went(peer, taken=False)
            raise NotTaken(status)
        self._ways.went(peer, taken=True)
        return way

    def _not_taken(self, peer: str, error: AssociationEnded) -> None:
        """A device whose associations end over a report may never get to store: without an address, that has to end."""
        self._ways.went(peer, taken=False)
        if not self._ways.has_address(peer) and self._ways.refusals(peer) >= limits.COMMITMENT_TRIES.default:
            raise UpstreamRefused(error.message, fix=error.fix)

    def _to_its_address(self, request: CommitmentRequest, pending: Pending) -> str:
        assert pending.reasons is not None
        if not self._ways.has_address(request.peer):
            raise NoWay
        if self._session and self._session.calling_ae != request.called_ae:
            self.end()
        self._session = self._session or self._ways.connect(request.peer, request.called_ae)
        try:
            self._session.report(request, pending.reasons)
        except NotTaken:  # the association goes on
            raise
        except BaseException:
            self.end()
            raise
        return "at its address"
