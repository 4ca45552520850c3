"""Sealing: plaintext in, payload out as it comes, the header at the end.

Owns the order of writing: the payload first, from `header_size` on, and the header last, at offset 0, when the record
can say what the payload was. Works in blocks of a few chunks, keeps three of them in memory and opens no file.
"""

from __future__ import annotations

import dataclasses
import os
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.base.errors import LocalError
from appliance.seal import facts
from appliance.seal import record as records
from appliance.seal.digest import KeyedDigest
from appliance.seal.envelope import Envelope
from appliance.seal.header import end_header, ended_size
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Recipient
from appliance.seal.record import Record, RecordFacts
from appliance.seal.stream import AUTHENTICATION, CHUNK, NONCE, SEALED_CHUNK, chunk_nonce, payload_cipher

__all__ = ["AHEAD", "BLOCK", "Buffer", "Lane", "RecordFacts", "Sealing", "Workspace"]

Buffer = bytes | bytearray | memoryview

BLOCK = 2 * CHUNK
"""What is sealed in one go, in bytes: calls and hand-overs cost less for each byte than with single chunks."""

INLINE = 8
"""How many blocks of an object are sealed where it is written, before the lane gets the others: an image of half a MB
takes a tenth longer with a lane from its first block on (measured, two cores)."""

AHEAD = 2
"""How many blocks may be given to a lane and not be sealed yet. With one, two threads that pass blocks on spend a third
of their time on waking each other (measured)."""


class Lane(Protocol):
    """Does one piece of work after another, perhaps beside its caller."""

    def run(self, work: Callable[[], None]) -> None:
        """Have `work` done when what was given before has ended; return when at most `AHEAD` are not done.

        Raises what an earlier one raised; then `work` is not done, nor what was given after that one.
        """

    def wait(self) -> None:
        """Return when all that was given has ended. Raises what it raised."""


class Inline:
    """The lane that is no other: work is done where it is given."""

    def run(self, work: Callable[[], None]) -> None:
        """Do it."""
        work()

    def wait(self) -> None:
        """It was done."""


class Workspace:
    """The memory that a sealing works in: blocks of plaintext, and one of payload. One sealing at a time."""

    __slots__ = ("blocks", "sealed")

    def __init__(self) -> None:
        # The lane may have AHEAD of them while one more is being filled.
        self.blocks = [memoryview(bytearray(BLOCK)) for _ in range(AHEAD + 1)]
        # The payload's nonce leaves with the first block, so that the sink is called once a block.
        self.sealed = memoryview(bytearray(NONCE + BLOCK // CHUNK * SEALED_CHUNK))


class Sealing:
    """One object being sealed. Not for use by several threads at once.

    `sink` gets the payload in order, in pieces of up to four chunks; each is valid during the call only. What it raises
    passes through, at the latest from `finish`, and the sealing is then of no further use.
    """

    def __init__(
        self,
        recipients: Sequence[Recipient],
        index_key: IndexKey,
        sink: Callable[[memoryview], object],
        random: Callable[[int], bytes] = os.urandom,
        envelope: Envelope | None = None,
        workspace: Workspace | None = None,
        lane: Lane | None = None,
        *,
        with_facts: bool = False,
    ) -> None:
        """Raises `RecipientsRefused`. `random` gives file key, ephemeral secrets, nonce and salt, in this order.

        `with_facts`: the header has a stanza of them (facts.py), whatever `finish` is given.

        An `envelope` that was made before for the same recipients, and a `workspace` that was used before, save the
        time to make new ones. Whole blocks are sealed, and given to `sink`, in the `lane`.
        """
        envelope = envelope or Envelope(recipients, random)
        self._header_key = envelope.header_key
        self._header = envelope.header
        self._facts_key = envelope.facts_key if with_facts else None
        self.header_size = ended_size(envelope.header) + facts.STANZA * with_facts + records.STANZA
        """Length of the header that `finish` will return, in bytes: the payload's offset in the file."""
        self._nonce = random(NONCE)
        self._salt = random(records.SALT)
        self._cipher = payload_cipher(envelope.file_key, self._nonce)
        self._index_key = index_key
        self._sink = sink
        self._lane = lane or Inline()
        workspace = workspace or Workspace()
        self._blocks = deque(workspace.blocks)
        self._out = workspace.sealed
        self._filled = 0
        self._counter = 0
        self._payload = index_key.payload_digest()
        self._data_set: KeyedDigest | None = None
        self._data_from = 0  # where the data set begins in the block
        self._size = 0
        self._finished = False

    def begin_data_set(self) -> None:
        """What is written from now on is the data set."""
        if self._data_set is not None or self._finished:
            raise LocalError("the data set of this object began before")
        self._lane.wait()  # it must not see the digest before its block does
        self._data_set = self._index_key.data_set_digest()
        self._data_from = self._filled

    def write(self, data: Buffer) -> None:
        """Take plaintext. Nothing of `data` is kept, so its memory may be used anew."""
        if self._finished:
            raise LocalError("this object is sealed already")
        view = memoryview(data).cast("B")
        end = len(view)
        if self._data_set is not None:
            self._size += end
        start = 0
        while start < end:
            filled = self._filled
            if filled == BLOCK:
                # More comes than the block can take, so none of its chunks is the final one.
                self._pass_on()
                filled = 0
            taken = min(BLOCK - filled, end - start)
            self._blocks[0][filled : filled + taken] = view[start : start + taken]
            self._filled = filled + taken
            start += taken

    def finish(self, known: RecordFacts, study: bytes = b"") -> bytes:
        """Seal what is left; the whole header, of `header_size` bytes, to be written at offset 0.

        `study` are the facts that only an identity shows. Raises `RecordFieldRefused`.
        """
        if self._finished:
            raise LocalError("this object is sealed already")
        self._finished = True
        self._lane.wait()
        self._seal(self._blocks[0][: self._filled], self._data_from, final=True)
        data_set = self._data_set or self._index_key.data_set_digest()
        values = {field.name: getattr(known, field.name) for field in dataclasses.fields(RecordFacts)}
        record = Record(
            **values, size=self._size, data_set_digest=data_set.digest(), payload_digest=self._payload.digest()
        )
        stanza = records.seal(record, self._header_key, self._index_key, self._salt)
        sealed_facts = facts.seal(study, self._facts_key).encode() if self._facts_key else b""
        return end_header(self._header + sealed_facts + stanza.encode(), self._header_key)

    def _pass_on(self) -> None:
        """Have the full block sealed, and go on in the one whose sealing was given the longest ago: it has ended."""
        block, data_from = self._blocks[0], self._data_from
        if self._counter < INLINE * BLOCK // CHUNK:
            self._seal(block, data_from, final=False)
        else:
            self._lane.run(lambda: self._seal(block, data_from, final=False))
            self._blocks.rotate(-1)
        self._filled = self._data_from = 0

    def _seal(self, plain: memoryview, data_from: int, *, final: bool) -> None:
        if self._data_set is not None:
            self._data_set.update(plain[data_from:])
        out, end = self._out, 0
        if not self._counter:
            out[:NONCE] = self._nonce
            end = NONCE
        for start in range(0, len(plain) or 1, CHUNK):
            chunk = plain[start : start + CHUNK]
            last = final and start + CHUNK >= len(plain)
            sealed = out[end : end + len(chunk) + AUTHENTICATION]
            self._cipher.encrypt_into(chunk_nonce(self._counter, last), chunk, None, sealed)
            self._counter += 1
            end += len(sealed)
        self._payload.update(out[:end])
        self._sink(out[:end])
