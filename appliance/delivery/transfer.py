"""From a store to a PACS: opens sealed objects with an identity that is held upstream, and stores each by C-STORE.

The upstream end of the destination "object-store". An object counts as delivered when the PACS said so of that very
instance. It goes from the store into the association piece by piece; nothing is written in clear.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from appliance.base import limits
from appliance.base.errors import ApplianceError, CryptoError, UpstreamError
from appliance.delivery.outcome import Outcome, Verdict
from appliance.delivery.session import Connect, Kind, Session
from appliance.delivery.source import Source
from appliance.delivery.store import Store, object_id_of
from appliance.delivery.transfer_state import TransferState
from appliance.routing.retry import Backoff
from appliance.seal.keys import Identity

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_MOST_KINDS = 64
_PIECE = 1 << 18
_random = random.SystemRandom()


@dataclass
class Tally:
    """How many objects were delivered now, were so before, and were refused."""

    delivered: int = 0
    before: int = 0
    refused: int = 0
    bytes: int = 0


Refused = Callable[[str, Outcome], None]
"""Called with an object id, and why it was refused, from the workers' threads."""


class Remote(RawIOBase):
    """Pieces of an object as a file that is read once. Raises what the pieces raise."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Copy what comes next; 0 at the end."""
        out = memoryview(buffer).cast("B")
        while not len(self._rest):
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        count = min(len(out), len(self._rest))
        out[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self.count += count
        return count


class Transfer:
    """One run over a whole store."""

    def __init__(
        self,
        store: Store,
        connect: Connect,
        identities: Sequence[Identity],
        state: TransferState,
        calling_ae: str,
        *,
        on_refused: Refused = lambda *_: None,
        on_change: Callable[[], None] = lambda: None,
        tries: int = 5,
        backoff: Backoff | None = None,
    ) -> None:
        """`tries` bounds the attempts at one object before the run is given up, or that object. `on_change` is called
        from the workers' threads."""
        self.store = store
        self.connect = connect
        self.identities = identities
        self.state = state
        self.calling_ae = calling_ae
        self.tries = tries
        self.backoff = backoff or Backoff(limits.RETRY_BASE.default, limits.RETRY_CAP.default)
        self.tally = Tally()
        self.stopping = threading.Event()
        self._on_refused = on_refused
        self._on_change = on_change
        self._lock = threading.Lock()
        self._names = store.names()
        self._failure: ApplianceError | None = None

    def run(self, workers: int) -> None:
        """Deliver all that is there and was not delivered, over so many associations. Raises the error that ended it
        before its end. What interrupts us ends it in order, each association after its instance."""
        at_work = [threading.Event() for _ in range(workers)]
        for number, ended in enumerate(at_work):
            threading.Thread(target=self._work, args=(ended,), name=f"deliver {number}").start()
        # Not by Thread.join: before Python 3.13 one that is interrupted takes a running thread for one that has ended.
        try:
            for ended in at_work:
                ended.wait()
        except BaseException:
            self.stopping.set()
            for ended in at_work:
                ended.wait()
            raise
        if self._failure:
            raise self._failure

    def _work(self, ended: threading.Event) -> None:
        try:
            _Worker(self).run()
        finally:
            ended.set()

    # For the workers

    def take(self) -> tuple[str, str] | None:
        """The next object that was not delivered: its name and id. None: there is no more."""
        with self._lock:
            while not self.stopping.is_set() and (name := next(self._names, None)) is not None:
                object_id = object_id_of(name)
                assert object_id
                if not self.state.has(object_id):
                    return name, object_id
                self.tally.before += 1
        return None

    def delivered(self, object_id: str, status: int, size: int) -> None:
        """The PACS has it."""
        self.state.delivered(object_id, status)
        with self._lock:
            self.tally.delivered += 1
            self.tally.bytes += size
        self._on_change()

    def refused(self, object_id: str, outcome: Outcome) -> None:
        """It is left to a person."""
        with self._lock:
            self.tally.refused += 1
        self._on_refused(object_id, outcome)

    def fail(self, error: ApplianceError) -> None:
        """End the run: the store, the PACS or this machine fails."""
        with self._lock:
            self._failure = self._failure or error
        self.stopping.set()


class _Worker:
    """One association at a time."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._session: Session | None = None
        self._kinds: deque[Kind] = deque(maxlen=_MOST_KINDS)
        self._refused: set[Kind] = set()
        self._size = 0

    def run(self) -> None:
        try:
            while (taken := self._transfer.take()) is not None:
                self._deliver(*taken)
        except ApplianceError as error:
            self._transfer.fail(error)
        except Exception as error:  # noqa: BLE001, its text may hold what is nobody's business
            self._transfer.fail(UpstreamError(f"internal error: {type(error).__name__}"))
        finally:
            self._end_session()

    def _deliver(self, name: str, object_id: str) -> None:
        outcome = self._attempt(name)
        for attempt in range(1, self._transfer.tries):
            if outcome.verdict in (Verdict.DONE, Verdict.PERMANENT):
                break
            if self._transfer.stopping.wait(self._transfer.backoff.delay(attempt, _random.random())):
                return
            outcome = self._attempt(name)
        if outcome.verdict is Verdict.DONE:
            self._transfer.delivered(object_id, outcome.status or 0, self._size)
        elif outcome.verdict is Verdict.BUSY:
            raise UpstreamError(outcome.reason, fix=outcome.advice)
        else:
            self._transfer.refused(object_id, outcome)

    def _attempt(self, name: str) -> Outcome:
        remote = Remote(self._transfer.store.read(name))
        try:
            source = Source(BufferedReader(remote, _PIECE), self._transfer.identities, None)
            kind = (source.meta.sop_class, source.meta.transfer_syntax)
            session = self._session_for(kind)
            if session is None:
                return Outcome(
                    Verdict.PERMANENT,
                    f"the PACS does not accept {kind[0]} with {kind[1]}",
                    "Have it configured there, and run this again.",
                )
            outcome = session.store(source)
            self._size = remote.count
            return outcome
        except CryptoError as error:
            self._end_session()
            return Outcome(Verdict.PERMANENT, f"the object cannot be opened: {error.message}", error.fix)
        except UpstreamError as error:
            self._end_session()
            return Outcome(Verdict.BUSY, error.message, error.fix)

    def _session_for(self, kind: Kind) -> Session | None:
        """A session that takes this kind. None: the PACS refused it on two associations of its own for the question."""
        session = self._session
        if session and kind in session.accepted and session.alive():
            return session
        if kind not in self._kinds:
            self._kinds.append(kind)
        for _ in range(0 if kind in self._refused else 2):
            self._end_session()
            kinds = tuple(dict.fromkeys((kind, *self._kinds)))
            self._session = session = self._transfer.connect(kinds, self._transfer.calling_ae)
            if kind in session.accepted:
                return session
        self._refused.add(kind)
        return None

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session:
            session.end()
