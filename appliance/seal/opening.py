"""Opening sealed objects: with an identity the plaintext, with the index key the record and the proof of integrity.

Owns the order of checks: header, key, MAC, then chunk by chunk. Never hands out a byte that was not authenticated;
that nothing is missing is known only when the final chunk was read. Needs one chunk of memory, and no seeking.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO

from appliance.base.errors import DiskError
from appliance.seal.armor import unarmored
from appliance.seal.errors import PayloadChanged
from appliance.seal.header import Header, read_header
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import Opener, unwrap_file_key
from appliance.seal.record import Record, open_record
from appliance.seal.stream import SEALED_CHUNK, PayloadReader, fill

__all__ = ["Header", "Opening", "open_object", "open_record", "read_header", "verify"]


class Opening:
    """A sealed object that an identity opens, read from a buffered binary file that stands at its start.

    Raises errors of the header and of the keys at once, those of the payload as it is read.
    """

    def __init__(self, file: BufferedIOBase, identities: Iterable[Opener]) -> None:
        self.header = read_header(file)
        self._payload = PayloadReader(file, unwrap_file_key(self.header, identities))
        self._rest = memoryview(b"")

    def record(self, index_key: IndexKey) -> Record:
        """The record. The identity has proved that it belongs to this payload: one MAC covers both."""
        return open_record(self.header, index_key)

    @property
    def whole(self) -> bool:
        """Whether the final chunk was read."""
        return self._payload.whole

    def read_chunk(self) -> memoryview:
        """The next plaintext, up to 64 KiB, valid until the next call; empty at the end."""
        chunk, self._rest = self._rest or self._payload.read_chunk(), memoryview(b"")
        return chunk

    def __iter__(self) -> Iterator[memoryview]:
        while chunk := self.read_chunk():
            yield chunk

    def read_into(self, buffer: bytearray | memoryview) -> int:
        """Copy the next plaintext into `buffer`; the number of bytes, 0 at the end only (or for an empty buffer)."""
        if not len(buffer):
            return 0
        chunk = self.read_chunk()
        count = min(len(chunk), len(buffer))
        memoryview(buffer)[:count] = chunk[:count]
        self._rest = chunk[count:]
        return count


def verify(file: BufferedIOBase, index_key: IndexKey) -> Record:
    """The record of an object of which every byte is as it was written. Needs no identity, and opens nothing.

    Raises what `read_header` and `open_record` raise, and `PayloadChanged`.
    """
    record = open_record(read_header(file), index_key)
    digest = index_key.payload_digest()
    buffer = memoryview(bytearray(SEALED_CHUNK))
    while count := fill(file, buffer):
        digest.update(buffer[:count])
    if not hmac.compare_digest(digest.digest(), record.payload_digest):
        raise PayloadChanged("the payload of the object is not the one that its record states")
    return record


def open_object(path: Path, identities: Iterable[Opener], out: BinaryIO) -> int:
    """Write the plaintext of the object at `path`, armored or not, to `out`, a buffered file; its size in bytes.

    When this raises, what `out` holds is authentic but not whole: throw it away. Raises `SealError` and `DiskError`.
    """
    try:
        with path.open("rb") as file:
            size = 0
            for chunk in Opening(unarmored(file), identities):
                out.write(chunk)
                size += len(chunk)
            return size
    except OSError as error:
        raise DiskError(f"the object cannot be read or written out: {error.strerror or error}") from error
