"""Sealing: plaintext in, payload out as it comes, the header at the end.

Owns the order of writing: the payload first, from `header_size` on, and the header last, at offset 0, when the record
can say what the payload was. Keeps one chunk in memory and opens no file.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import os
from collections.abc import Callable, Sequence

from appliance.base.errors import LocalError
from appliance.seal import record as records
from appliance.seal.envelope import Envelope
from appliance.seal.header import encode_header, header_size, mac_key
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Recipient
from appliance.seal.record import Record, RecordFacts
from appliance.seal.stream import AUTHENTICATION, CHUNK, NONCE, chunk_nonce, payload_cipher

__all__ = ["Buffer", "RecordFacts", "Sealing"]

Buffer = bytes | bytearray | memoryview


class Sealing:
    """One object being sealed. Not for use by several threads at once.

    `sink` gets the payload in order, in pieces of up to 64 KiB and a little; each is valid during the call only. What
    it raises passes through, and the sealing is then of no further use.
    """

    def __init__(
        self,
        recipients: Sequence[Recipient],
        index_key: IndexKey,
        sink: Callable[[memoryview], object],
        random: Callable[[int], bytes] = os.urandom,
        envelope: Envelope | None = None,
    ) -> None:
        """Raises `RecipientsRefused`. `random` gives file key, ephemeral secrets, nonce and salt, in this order.

        An `envelope` that was made before for the same recipients saves the time to make one now.
        """
        envelope = envelope or Envelope(recipients, random)
        file_key, self._stanzas = envelope.file_key, envelope.stanzas
        self._header_key = mac_key(file_key)
        self.header_size = header_size(self._stanzas, records.STANZA)
        """Length of the header that `finish` will return, in bytes: the payload's offset in the file."""
        nonce = random(NONCE)
        self._salt = random(records.SALT)
        self._cipher = payload_cipher(file_key, nonce)
        self._index_key = index_key
        self._sink = sink
        self._chunk = memoryview(bytearray(CHUNK))
        self._filled = 0
        self._counter = 0
        # The payload's nonce leaves with the first chunk, so that the sink is called once a chunk.
        self._out = memoryview(bytearray(NONCE + CHUNK + AUTHENTICATION))
        self._out[:NONCE] = nonce
        self._payload = hashlib.sha256()
        self._data_set: hmac.HMAC | None = None
        self._size = 0
        self._finished = False

    def begin_data_set(self) -> None:
        """What is written from now on is the data set."""
        if self._data_set is not None or self._finished:
            raise LocalError("the data set of this object began before")
        self._data_set = self._index_key.data_set_digest()

    def write(self, data: Buffer) -> None:
        """Take plaintext. Nothing of `data` is kept, so its memory may be used anew."""
        if self._finished:
            raise LocalError("this object is sealed already")
        view = memoryview(data).cast("B")
        if self._data_set is not None:
            self._data_set.update(view)
            self._size += len(view)
        start, end = 0, len(view)
        while end - start > CHUNK - self._filled:
            # More comes than the chunk can take, so it is not the final one.
            if self._filled:
                taken = CHUNK - self._filled
                self._chunk[self._filled :] = view[start : start + taken]
                self._seal(self._chunk, final=False)
                self._filled = 0
            else:
                taken = CHUNK
                self._seal(view[start : start + CHUNK], final=False)
            start += taken
        self._chunk[self._filled : self._filled + end - start] = view[start:]
        self._filled += end - start

    def finish(self, facts: RecordFacts) -> bytes:
        """Seal the final chunk; the whole header, of `header_size` bytes, to be written at offset 0.

        Raises `RecordFieldRefused`.
        """
        if self._finished:
            raise LocalError("this object is sealed already")
        self._finished = True
        self._seal(self._chunk[: self._filled], final=True)
        data_set = self._data_set or self._index_key.data_set_digest()
        values = {field.name: getattr(facts, field.name) for field in dataclasses.fields(RecordFacts)}
        record = Record(
            **values, size=self._size, data_set_digest=data_set.digest(), payload_digest=self._payload.digest()
        )
        stanza = records.seal(record, self._header_key, self._index_key, self._salt)
        return encode_header([*self._stanzas, stanza], self._header_key)

    def _seal(self, plain: memoryview, *, final: bool) -> None:
        end = NONCE + len(plain) + AUTHENTICATION
        self._cipher.encrypt_into(chunk_nonce(self._counter, final), plain, None, self._out[NONCE:end])
        sealed = self._out[NONCE if self._counter else 0 : end]
        self._counter += 1
        self._payload.update(sealed)
        self._sink(sealed)
