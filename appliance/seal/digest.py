"""The keyed digest: tells whether two runs of bytes are the same, to the holder of the index key and to nobody else.

Owns the construction, FORMAT.md section 3: Poly1305 under a fixed secret key as the universal hash, and HMAC-SHA-256
under another over what it gives (hash, then PRF; Carter and Wegman, Shoup). The HMAC hides the hash, so the key of
Poly1305 may serve for many messages, which it never may where its tag is shown. SHA-256 of all bytes costs seven times
as much where the processor has instructions for it, and more on a Pi 4, which has none.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.poly1305 import Poly1305

DIGEST = 32


class KeyedDigest:
    """A running digest of 32 bytes. Not for use by several threads at once."""

    __slots__ = ("_digest", "_hash", "_prf")

    def __init__(self, hash_key: bytes, prf_key: bytes) -> None:
        """Both keys have 32 bytes, and serve for nothing else."""
        self._hash = Poly1305(hash_key)
        self._prf = prf_key
        self._digest = b""

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take what follows. Not after `digest`."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """The digest of all that was taken."""
        if not self._digest:
            self._digest = hmac.digest(self._prf, self._hash.finalize(), "sha256")
        return self._digest
