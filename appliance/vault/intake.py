"""An instance on its way to the medium: sealed as it comes, durable when `commit` returns.

Joins `seal` and `incoming`: each sealed chunk goes to the file in one write and is kept nowhere else, so memory does
not grow with the instance. Holds no key that opens what it writes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType

from appliance.seal.envelope import Envelope
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Recipient, check_recipients
from appliance.seal.record import RecordFacts
from appliance.seal.sealing import Buffer, Sealing
from appliance.vault.incoming import Incoming, Part

_ENVELOPES = 4  # kept ready in a process


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
        self._envelopes: deque[Envelope] = deque(maxlen=_ENVELOPES)

    def prepare(self) -> None:
        """Do now what the next instance will need, to the time of whoever waits for nothing: wrap a file key."""
        if len(self._envelopes) < _ENVELOPES:
            self._envelopes.append(Envelope(self.recipients, self.random))

    def envelope(self) -> Envelope:
        """One that was prepared, else a new one."""
        try:
            return self._envelopes.pop()
        except IndexError:
            return Envelope(self.recipients, self.random)

    def begin(self, part10_head: bytes) -> Instance:
        """Start an object with the preamble and file meta information of PS3.10 7.1; the data set follows.

        Raises `DiskRefused`.
        """
        return Instance(self, part10_head)


class Instance:
    """One object being written, by one thread. As a context manager it discards what was not committed."""

    def __init__(self, intake: Intake, part10_head: bytes) -> None:
        self.object_id = intake.random(16).hex()
        """The id for `RecordFacts.object_id`: random, so that it tells nothing."""
        self._sealing = Sealing(intake.recipients, intake.index_key, self._append, intake.random, intake.envelope())
        self._part: Part = intake.incoming.begin(self._sealing.header_size)
        try:
            self._sealing.write(part10_head)
            self._sealing.begin_data_set()
        except BaseException:
            self.discard()
            raise

    def write(self, data: Buffer) -> None:
        """Take the next bytes of the data set; nothing of `data` is kept. Raises `DiskRefused`; then it is over."""
        self._sealing.write(data)

    def commit(self, facts: RecordFacts) -> str:
        """Finish the object and return its id when it would survive a power cut, not before.

        Raises `DiskRefused` or `SealError`; then nothing is left of it.
        """
        try:
            self._part.commit(self._sealing.finish(facts), facts.object_id)
        finally:
            self.discard()
        return facts.object_id

    def discard(self) -> None:
        """Drop the object. Harmless after `commit`."""
        self._part.discard()

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _append(self, sealed: memoryview) -> None:
        self._part.append(sealed)
