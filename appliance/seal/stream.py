"""The payload of an age file: chunks of 64 KiB, each sealed under a nonce that counts and marks the last (STREAM).

Owns chunk sizes, nonces and the reading side; `sealing` is the writing side. Hands out no chunk that did not
authenticate, and holds one chunk at a time.
"""

from __future__ import annotations

from io import BufferedIOBase
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.seal import kdf
from appliance.seal.errors import FinalChunkEmpty, PayloadTampered, PayloadTrailing, PayloadTruncated, SealError

CHUNK = 65536
AUTHENTICATION = 16
SEALED_CHUNK = CHUNK + AUTHENTICATION
NONCE = 16


def payload_cipher(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """The cipher of one payload; `nonce` is what the payload starts with."""
    return ChaCha20Poly1305(kdf.derive(file_key, b"payload", nonce))


def chunk_nonce(counter: int, final: bool) -> bytes:
    """The nonce of the chunk with this number, counted from zero."""
    return counter.to_bytes(11, "big") + (b"\1" if final else b"\0")


def fill(file: BufferedIOBase, buffer: memoryview) -> int:
    """Read until the buffer is full or the file ends; the number of bytes read."""
    filled = 0
    while filled < len(buffer):
        count = file.readinto(buffer[filled:])
        if not count:
            break
        filled += count
    return filled


class PayloadReader:
    """Reads a payload chunk by chunk from a file that stands at its nonce. No seeking."""

    def __init__(self, file: BufferedIOBase, file_key: bytes) -> None:
        """Raises `PayloadTruncated` where not even the nonce and a byte are there."""
        self._file = file
        # One byte more than a chunk: whether it is there says whether the chunk is the last.
        self._sealed = memoryview(bytearray(SEALED_CHUNK + 1))
        self._plain = memoryview(bytearray(CHUNK))
        self._counter = 0
        self._final = False
        self._failed: SealError | None = None
        nonce = bytearray(NONCE)
        if fill(file, memoryview(nonce)) < NONCE or not fill(file, self._sealed[:1]):
            raise PayloadTruncated("the object ends before its first chunk")
        self._cipher = payload_cipher(file_key, bytes(nonce))

    @property
    def whole(self) -> bool:
        """Whether the final chunk was read: only then was everything there."""
        return self._final

    def read_chunk(self) -> memoryview:
        """The next chunk of plaintext, valid until the next call; empty after the final one.

        Raises `PayloadTruncated`, `PayloadTampered`, `PayloadTrailing` or `FinalChunkEmpty`, and the same one again
        when it is called again.
        """
        if self._failed:
            raise self._failed
        if self._final:
            return self._plain[:0]
        size = 1 + fill(self._file, self._sealed[1:])
        final = size <= SEALED_CHUNK
        sealed = self._sealed[: min(size, SEALED_CHUNK)]
        plain = self._open(sealed, final)
        if plain is None:
            return self._wrong_end(sealed, final)
        if final and not plain and self._counter:
            self._fail(FinalChunkEmpty("the object ends in an empty chunk"))
        self._sealed[0] = self._sealed[SEALED_CHUNK]
        self._counter += 1
        self._final = final
        return plain

    def _open(self, sealed: memoryview, final: bool) -> memoryview | None:
        plain = self._plain[: max(0, len(sealed) - AUTHENTICATION)]
        try:
            self._cipher.decrypt_into(chunk_nonce(self._counter, final), sealed, None, plain)
        except InvalidTag:
            return None
        return plain

    def _wrong_end(self, sealed: memoryview, final: bool) -> memoryview:
        """A chunk does not open as what its place in the file makes it. Is it the chunk, or the end of the file?"""
        chunk = f"chunk {self._counter} of the object"
        if len(sealed) < AUTHENTICATION:
            self._fail(PayloadTruncated(f"{chunk} is cut short"))
        plain = self._open(sealed, not final)
        if plain is None:
            self._fail(PayloadTampered(f"{chunk} was changed, or cut short"))
        error = (
            PayloadTruncated(f"the object ends with {chunk}, which is not the last")
            if final
            else (PayloadTrailing(f"something follows {chunk}, which is the last"))
        )
        if len(plain) < CHUNK:
            self._fail(error)
        # This chunk is authentic; what is wrong comes after it.
        self._failed = error
        return plain

    def _fail(self, error: SealError) -> NoReturn:
        self._failed = error
        raise error
