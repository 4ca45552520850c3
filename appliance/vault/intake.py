"""An instance on its way to the medium: sealed as it comes, durable when `commit` returns.

Joins `seal` and `incoming`: each sealed block goes to the file in one write and is kept nowhere else, so memory does
not grow with the instance. A large instance is sealed and written by a lane while more of it is received; one of a
single block may go into a segment. Holds no key that opens what it writes.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType

from appliance.base.errors import LocalError
from appliance.seal.envelope import Envelope
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Recipient, check_recipients
from appliance.seal.record import RecordFacts
from appliance.seal.sealing import Buffer, Sealing, Workspace
from appliance.vault.envelopes import Envelopes
from appliance.vault.incoming import Incoming, Part
from appliance.vault.lane import Lane

_PLACES = 16  # kept for the next instances
_NEIGHBOURS = 512  # object ids in a row that begin alike
_ALIKE = 2  # bytes


class _Place:
    """What one instance at a time is sealed with: memory, and a lane where there is a core for it."""

    __slots__ = ("lane", "workspace")

    def __init__(self, beside: bool) -> None:
        self.workspace = Workspace()
        self.lane = Lane() if beside else None


class Intake:
    """Begins instances, all sealed to the same recipients. Shared by the threads of one worker process."""

    def __init__(
        self,
        incoming: Incoming,
        recipients: Sequence[Recipient],
        index_key: IndexKey,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Raises `RecipientsRefused` now rather than at the first instance."""
        check_recipients(recipients)
        self.incoming = incoming
        self.recipients = tuple(recipients)
        self.index_key = index_key
        self.random = random
        self.envelopes = Envelopes(lambda: Envelope(self.recipients, self.random))
        self._places: deque[_Place] = deque()
        self._ids = itertools.count()
        self._alike = random(_ALIKE)
        self._beside = len(os.sched_getaffinity(0)) > 1

    def object_id(self) -> str:
        """A new one: 14 bytes of it are random. The first two stay for a while, so that a batch of instances that came
        together goes into one directory of `objects/`, where its names need one flush instead of one each, and to one
        place of the ledger's index."""
        if next(self._ids) % _NEIGHBOURS == 0:
            self._alike = self.random(_ALIKE)  # another thread may still take the one before: it is as good
        return (self._alike + self.random(16 - _ALIKE)).hex()

    def take_place(self) -> _Place:
        """A place that nobody uses."""
        try:
            return self._places.pop()
        except IndexError:
            return _Place(self._beside)

    def give_back(self, place: _Place) -> None:
        """The instance is over; what it left in the place is overwritten by the next."""
        if place.lane:
            place.lane.forget()
        if len(self._places) < _PLACES:
            self._places.append(place)
        elif place.lane:
            place.lane.close()

    def begin(self, part10_head: bytes) -> Instance:
        """Start an object with the preamble and file meta information of PS3.10 7.1; the data set follows.

        Raises `DiskRefused`.
        """
        return Instance(self, part10_head)


class Instance:
    """One object being written, by one thread. As a context manager it discards what was not committed."""

    def __init__(self, intake: Intake, part10_head: bytes) -> None:
        self.object_id = intake.object_id()
        """The id for `RecordFacts.object_id`: random, so that it tells nothing but who came about the same time."""
        self._intake = intake
        self._place: _Place | None = (place := intake.take_place())
        self._part: Part | None = None  # begun with the first block that is passed on
        self._small: bytes | None = None  # else the whole payload, at the end
        self._ending = False
        try:
            self._sealing = Sealing(
                intake.recipients,
                intake.index_key,
                self._append,
                intake.random,
                intake.envelopes.take(),
                place.workspace,
                place.lane,
                with_facts=True,
            )
            self._sealing.write(part10_head)
            self._sealing.begin_data_set()
        except BaseException:
            self.discard()
            raise

    def write(self, data: Buffer) -> None:
        """Take the next bytes of the data set; nothing of `data` is kept. Raises `DiskRefused`; then it is over."""
        if self._place is None:
            raise LocalError("an instance was written to after its end")
        self._sealing.write(data)

    def commit(self, facts: RecordFacts, study: bytes = b"") -> str:
        """Finish the object and return its id when it would survive a power cut, not before.

        `study` are the facts that only an identity shows, up to `seal.facts.CAPACITY` bytes.
        Raises `DiskRefused` or `SealError`; then nothing is left of it.
        """
        try:
            self._ending = True
            header = self._sealing.finish(facts, study)
            if self._small is not None:
                self._intake.incoming.keep(header, self._small, facts.object_id)
            else:
                assert self._part is not None
                self._part.commit(header, facts.object_id)
        finally:
            self.discard()
        return facts.object_id

    def discard(self) -> None:
        """Drop the object. Harmless after `commit`."""
        place, self._place = self._place, None
        if place is not None:
            self._intake.give_back(place)  # first: it waits for what is being written
        if self._part is not None:
            self._part.discard()

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _append(self, sealed: memoryview) -> None:
        """The sealing's sink; in the lane, until the end is being sealed."""
        if self._part is None:
            header_size = self._sealing.header_size
            if self._ending and self._intake.incoming.small(header_size + len(sealed)):
                self._small = bytes(sealed)
                return
            self._part = self._intake.incoming.begin(header_size)
        self._part.append(sealed)
