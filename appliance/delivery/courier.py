"""A courier: one thread with at most one open session, taking rows from its destination's queue.

While answers are on their way it sends what may be out besides, and opens the next object. Where a session ends, what
was sent and not answered goes back with the rest. Nothing that happens to one instance, session or object reaches
another courier.
"""

from __future__ import annotations

import threading
from collections import deque
from io import BufferedReader

from appliance.base import catalogue, limits
from appliance.base.errors import ApplianceError, ConfigError, CryptoError, DiskError, UpstreamError
from appliance.delivery.keyring import Keyring, Locked
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.pacing import Pass, unlimited
from appliance.delivery.parcel import Parcel
from appliance.delivery.queue import DestinationQueue
from appliance.delivery.session import VERIFICATION, Connect, Kind, Session, Transcoding, Verifying, Windowed
from appliance.delivery.sessions import Crowded
from appliance.delivery.source import Source
from appliance.delivery.transcodable import NOT_ACCEPTED, configure
from appliance.host.log import log
from appliance.vault.deliveries import Lease
from appliance.vault.objects import Objects
from appliance.vault.refusals import NotThere

_MOST_KINDS = 128


class Courier(threading.Thread):
    """Delivers until its queue says stop."""

    def __init__(
        self,
        queue: DestinationQueue,
        connect: Connect,
        objects: Objects,
        keyring: Keyring,
        own_ae: str | None,
        spend: Pass = unlimited,
    ) -> None:
        """`own_ae` is as whom we call; None to call as the peer that an instance came from. `spend` holds back what is
        sent, to the bandwidth of the destination."""
        super().__init__(name=f"courier {queue.name}", daemon=True)
        self._queue = queue
        self._connect = connect
        self._objects = objects
        self._keyring = keyring
        self._own_ae = own_ae
        self._spend = spend
        self._session: Session | None = None
        self._windowed: Windowed | None = None  # the same, where it takes more before it has answered
        self._out: dict[int, Lease] = {}  # sent and not answered, in the order in which they were sent
        self._parcel: Parcel | None = None  # the next one, opened
        self._kinds: deque[Kind] = deque(maxlen=_MOST_KINDS)  # most lately seen first
        self._retired = threading.Event()

    def retire(self) -> None:
        """End after the instance that is under way; the queue goes on with others."""
        self._retired.set()
        self._queue.wake()

    def run(self) -> None:
        """Take batches until there are to be no more."""
        while (batch := self._take()) is not None:
            if not batch:
                self._end_session()
                continue
            try:
                self._deliver(deque(sorted(batch, key=self._calling_ae)))
            except Exception as error:  # noqa: BLE001, a courier ends when its queue says so, and not before
                log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where=self.name)
                self._queue.failed(UpstreamError("internal error"))
        self._end_session()

    def _take(self) -> list[Lease] | None:
        linger = limits.DELIVERY_LINGER.default if self._session else None
        return self._queue.take(linger, self._retired.is_set, self._suits)

    def _deliver(self, batch: deque[Lease]) -> None:
        """Deliver a batch, and what is due by then, or as much of it as the destination takes; the rest goes back."""
        more = True
        try:
            while batch or self._out:
                for lease, outcome in self._step(batch):
                    if outcome.verdict is Verdict.DONE and outcome.status is not None:
                        self._queue.delivered(lease, outcome.status)
                    else:
                        self._queue.not_delivered(lease, outcome)
                if not self._queue.flowing or self._retired.is_set():
                    self._queue.give_back(batch)
                    batch.clear()
                elif not batch and more and self._session:
                    batch.extend(sorted(self._queue.take(0.0, suits=self._suits) or (), key=self._calling_ae))
                    more = bool(batch)
        except (Crowded, Locked):
            self._queue.abandoned()  # others deliver, or nobody does until `unlock`; the rows go back
        except (UpstreamError, ConfigError) as error:
            self._queue.failed(error)
        except Exception as error:  # noqa: BLE001, whatever it is, it ends this attempt and nothing else
            log(catalogue.INTERNAL_ERROR, kind=type(error).__name__, where=self.name)
            if batch:
                self._queue.not_delivered(batch.popleft(), Outcome(Verdict.BUSY, "internal error"))
        finally:
            out = list(self._out.values())
            self._queue.give_back([*out, *batch])
            self._out.clear()
            self._put_down()
            if out or not self._queue.flowing:
                self._end_session()

    def _step(self, batch: deque[Lease]) -> list[tuple[Lease, Outcome]]:
        """Send the first of the batch, or where it has to wait take an answer; what became of some, if anything did.
        Raises UpstreamError with the row still there when it was not even tried."""
        if not self._out:
            return self._send(batch)
        if batch and self._session and self._fits(batch[0], self._session):
            return self._send_on(self._session, batch)
        if batch:
            self._pick_up(batch[0]).prepare()
        try:
            assert self._windowed
            number, outcome = self._windowed.answer()
        except UpstreamError as error:
            return self._cut_off(error, batch)
        return [(self._out.pop(number), outcome)]

    def _fits(self, lease: Lease, session: Session) -> bool:
        """Whether it can go out beside what is out."""
        return (
            self._windowed is not None
            and len(self._out) < self._windowed.window
            and session.calling_ae == self._calling_ae(lease)
            and (lease.sop_class, lease.transfer_syntax) in session.accepted
            and self._pick_up(lease).prepare()
            and session.alive()
        )

    def _send(self, batch: deque[Lease]) -> list[tuple[Lease, Outcome]]:
        """Send the first of the batch while nothing is out, over whatever session it takes."""
        lease = batch[0]
        kind = (lease.sop_class, lease.transfer_syntax)
        if reason := self._queue.refuses(kind):
            return [(batch.popleft(), _refused(kind, reason, asked=False))]
        session = self._session_for(kind, batch)
        if _why_not(session, kind):
            # Some destinations answer the same proposal in different ways, so one new association decides.
            self._end_session()
            session = self._session_for(kind, batch)
            if reason := _why_not(session, kind):
                self._queue.refused(kind, reason)
                return [(batch.popleft(), _refused(kind, reason, asked=True))]
        if self._queue.trying and isinstance(session, Verifying):
            self._verify(session)
        return self._send_on(session, batch)

    def _send_on(self, session: Session, batch: deque[Lease]) -> list[tuple[Lease, Outcome]]:
        lease = batch[0]
        try:
            source = self._pick_up(lease).source
            if self._windowed is None or (lease.sop_class, lease.transfer_syntax) not in session.accepted:
                outcome = session.store(source)
            else:
                number = self._windowed.send(source)
                self._out[number] = batch.popleft()
                return []
        except UpstreamError as error:
            return self._cut_off(error, batch)
        except NotThere as error:
            outcome = Outcome(Verdict.PERMANENT, "the object's file is missing", error.fix, ours=True)
        except CryptoError as error:
            outcome = Outcome(Verdict.PERMANENT, f"the object cannot be opened: {error.message}", error.fix, ours=True)
        except (DiskError, OSError) as error:
            fix = error.fix if isinstance(error, ApplianceError) else ""
            outcome = Outcome(Verdict.TEMPORARY, "the object's file cannot be read", fix, ours=True)
        finally:
            self._put_down()
        batch.popleft()
        answered = self._call_back(batch) if self._out and not session.alive() else []
        return [(lease, outcome), *answered]

    def _cut_off(self, error: UpstreamError, batch: deque[Lease]) -> list[tuple[Lease, Outcome]]:
        """The session ended while instances were out. Most destinations serve one after the other, so it ended on the
        first that it did not answer; the others were not tried, as far as anybody knows."""
        answered = self._call_back(batch)
        if not batch:  # it had answered all
            self._queue.failed(error)
            return answered
        return [*answered, (batch.popleft(), Outcome(Verdict.BUSY, error.message, error.fix, ended=True))]

    def _call_back(self, batch: deque[Lease]) -> list[tuple[Lease, Outcome]]:
        """The session is over: what it has answered still. All else that was out is in the batch again."""
        answered = self._windowed.answered() if self._windowed else []
        outcomes = [(self._out.pop(number), outcome) for number, outcome in answered]
        batch.extendleft(reversed(self._out.values()))
        self._out.clear()
        self._end_session()
        return outcomes

    def _pick_up(self, lease: Lease) -> Parcel:
        """The parcel of this row, the one at hand if it is that."""
        if self._parcel is None or self._parcel.lease is not lease:
            self._put_down()
            kind = (lease.sop_class, lease.transfer_syntax)

            def unseal(file: BufferedReader) -> Source:
                return Source(file, lambda: self._keyring.identities, kind, lease.object_id, self._spend)

            self._parcel = Parcel(lease, self._objects.open, unseal)
        return self._parcel

    def _put_down(self) -> None:
        parcel, self._parcel = self._parcel, None
        if parcel:
            parcel.close()

    def _verify(self, session: Verifying) -> None:
        """Before an instance is sent to a destination that failed: no instance is to blame for what fails now."""
        try:
            session.verify()
        except UpstreamError:
            self._end_session()
            raise

    def _session_for(self, kind: Kind, batch: deque[Lease]) -> Session:
        """The open session if it will do, else a new one that proposes what is queued and what was lately."""
        calling_ae = self._calling_ae(batch[0])
        session = self._session
        if session and session.calling_ae == calling_ae and kind in session.proposed and session.alive():
            return session
        self._end_session()
        queued = ((lease.sop_class, lease.transfer_syntax) for lease in (*batch, *self._queue.ready()))
        others = (each for each in (*queued, *self._kinds) if not self._queue.refuses(each))
        kinds = list(dict.fromkeys((kind, *others)))  # this one even if another courier was refused it meanwhile
        self._kinds = deque(kinds[:_MOST_KINDS], _MOST_KINDS)
        with self._queue.sessions.opening():
            asked = (VERIFICATION,) if self._queue.trying else ()
            session = self._connect((*self._kinds, *asked), calling_ae)
        self._session = session
        self._windowed = session if isinstance(session, Windowed) else None
        self._queue.opened(session)
        return session

    def _suits(self, lease: Lease) -> bool:
        """Whether it can go over the session that is open, where one is."""
        session = self._session
        return session is None or (
            session.calling_ae == self._calling_ae(lease)
            and (lease.sop_class, lease.transfer_syntax) in session.proposed
        )

    def _calling_ae(self, lease: Lease) -> str:
        return self._own_ae or lease.calling_ae

    def _end_session(self) -> None:
        session, self._session, self._windowed = self._session, None, None
        if session:
            session.end()
            self._queue.sessions.closed()


def _why_not(session: Session, kind: Kind) -> str:
    """Why a session takes no instance of this kind, in words; "" where it does."""
    if kind in session.accepted:
        return ""
    return session.why_not(kind) if isinstance(session, Transcoding) else NOT_ACCEPTED


def _refused(kind: Kind, reason: str, *, asked: bool) -> Outcome:
    """What a destination does not accept is held; `asked` if it was asked now, and so is at work."""
    return Outcome(Verdict.PERMANENT, reason, configure(*kind), ours=not asked)
