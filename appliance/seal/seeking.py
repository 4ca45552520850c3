"""Any part of a sealed object, in any order: the plaintext as a file that seeks (age v1, payload).

Owns the way from a place in the plaintext to the chunk that holds it. Opens the final chunk before anything else, so
that a file that was cut is refused before a byte of it is handed out. Needs one chunk of memory, whatever is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from io import BufferedIOBase, RawIOBase
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag

from appliance.base.errors import LocalError
from appliance.seal.errors import FinalChunkEmpty, PayloadTampered, PayloadTrailing, PayloadTruncated
from appliance.seal.header import read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Opener, unwrap_file_key
from appliance.seal.record import Record, open_record
from appliance.seal.stream import AUTHENTICATION, CHUNK, NONCE, SEALED_CHUNK, chunk_nonce, fill, payload_cipher

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class SeekableOpening(RawIOBase):
    """The plaintext of a sealed object as a read-only raw file; one reader at a time.

    `file` is binary, buffered and seekable, stands at the object's start, and is read by nobody else meanwhile; closing
    this does not close it. Raises what `Opening` raises, and what is wrong with the object's end at once. Chunks in the
    middle are judged when they are read: `PayloadTampered`.
    """

    def __init__(self, file: BufferedIOBase, identities: Iterable[Opener]) -> None:
        super().__init__()
        start = file.tell()
        self.header = read_header(file)
        file_key = unwrap_file_key(self.header, identities)
        nonce = file.read(NONCE)
        self._file = file
        self._payload = start + self.header.size + NONCE
        sealed = file.seek(0, os.SEEK_END) - self._payload
        if sealed <= 0:
            raise PayloadTruncated("the object ends before its first chunk")
        self._cipher = payload_cipher(file_key, nonce)
        # The final chunk: its number, and its length as it is sealed.
        self._final = (sealed - 1) // SEALED_CHUNK
        self._last = sealed - self._final * SEALED_CHUNK
        self._sealed = memoryview(bytearray(SEALED_CHUNK))
        self._plain = memoryview(bytearray(CHUNK))
        self._held = -1
        self._length = 0
        self._at = 0
        self._open_final()
        self.size = self._final * CHUNK + self._length
        """Bytes of plaintext."""

    def record(self, index_key: IndexKey) -> Record:
        """The record. The data set is the last `record.size` bytes of the plaintext."""
        return open_record(self.header, index_key)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[memoryview]:
        """The plaintext from `start` to `stop` or the end, in pieces of 64 KiB at most, valid until the next read."""
        stop = self.size if stop is None else min(stop, self.size)
        while start < stop:
            piece = self._from(start)[: stop - start]
            yield piece
            start += len(piece)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place in the plaintext; beyond its end there is nothing to read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}.get(whence)
        if base is None or base + offset < 0:
            raise LocalError("there is no such place in the plaintext of an object")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Copy plaintext from here on, up to the end of its chunk; the number of bytes, 0 at the end only."""
        out = memoryview(buffer).cast("B")
        if self._at >= self.size or not len(out):
            return 0
        piece = self._from(self._at)[: len(out)]
        out[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _from(self, place: int) -> memoryview:
        """The plaintext from a place before the end of all to the end of its chunk."""
        number, within = divmod(place, CHUNK)
        if number != self._held:
            # What the buffer holds is overwritten now, so nothing may be taken from it when this fails.
            self._held = -1
            final = number == self._final
            if not self._open(number, self._last if final else SEALED_CHUNK, final=final):
                raise PayloadTampered(f"chunk {number} of the object was changed")
            self._held = number
        return self._plain[within : self._length]

    def _open(self, number: int, size: int, *, final: bool) -> bool:
        """Decrypt a chunk of `size` sealed bytes into the buffer, if it is authentic."""
        self._file.seek(self._payload + number * SEALED_CHUNK)
        sealed = self._sealed[: fill(self._file, self._sealed[:size])]
        self._length = max(0, len(sealed) - AUTHENTICATION)
        try:
            self._cipher.decrypt_into(chunk_nonce(number, final), sealed, None, self._plain[: self._length])
        except InvalidTag:
            return False
        return True

    def _open_final(self) -> None:
        """Authenticate the end of the object; where that fails, say in what way it is wrong."""
        number, size = self._final, self._last
        if self._open(number, size, final=True):
            if number and not self._length:
                raise FinalChunkEmpty("the object ends in an empty chunk")
            self._held = number
        elif self._open(number, size, final=False):
            raise PayloadTruncated(f"the object ends with chunk {number}, which is not the last")
        elif number and self._open(number - 1, SEALED_CHUNK, final=True):
            raise PayloadTrailing(f"something follows chunk {number - 1}, which is the last")
        elif size < AUTHENTICATION:
            raise PayloadTruncated(f"chunk {number} of the object is cut short")
        else:
            raise PayloadTampered(f"chunk {number} of the object was changed, or cut short")
