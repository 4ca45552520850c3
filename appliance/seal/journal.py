"""The frames of the journal: each sealed under a key from the index key, so each is its own checksum.

Owns the layout of a journal file, version 1 (vault/JOURNAL.md). A file is appended to and never changed, so a torn end
is a frame that does not open. Knows nothing of what frames say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BufferedIOBase

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from appliance.base.limits import JOURNAL_FRAME
from appliance.seal.index_key import IndexKey

MAGIC = b"pacs-appliance.journal 1\n"
SALT = 32
_NUMBER = struct.Struct(">Q")
_LENGTH = struct.Struct(">L")
_AUTHENTICATION = 16
HEAD = len(MAGIC) + _NUMBER.size + SALT


class FrameSealer:
    """Makes the frames of one file, in order. `salt` is 32 fresh random bytes, so no key seals two files."""

    def __init__(self, index_key: IndexKey, number: int, salt: bytes) -> None:
        self.head = MAGIC + _NUMBER.pack(number) + salt
        """What the file begins with."""
        self._cipher = ChaCha20Poly1305(index_key.journal_key(salt))
        self._frames = 0

    def seal(self, content: bytes) -> bytes:
        """The next frame."""
        sealed = self._cipher.encrypt(_nonce(self._frames), content, self.head)
        self._frames += 1
        return _LENGTH.pack(len(sealed)) + sealed


class FrameReader:
    """Reads one file, from its beginning. After the last frame `damaged` and `torn` say how it ended."""

    def __init__(self, file: BufferedIOBase, index_key: IndexKey, number: int) -> None:
        self._file = file
        self.torn = False
        """Something follows the last whole frame: what a power cut leaves, or damage at the end."""
        self.damaged = False
        """The file is none of ours, or a frame in the middle does not open."""
        self._head = file.read(HEAD)
        if len(self._head) < HEAD or not self._head.startswith(MAGIC + _NUMBER.pack(number)):
            self.damaged = True
            return
        self._cipher = ChaCha20Poly1305(index_key.journal_key(self._head[-SALT:]))

    def __iter__(self) -> Iterator[bytes]:
        if self.damaged:
            return
        number, unopened = 0, 0
        while length := self._file.read(_LENGTH.size):
            size = _LENGTH.unpack(length)[0] if len(length) == _LENGTH.size else 0
            if not _AUTHENTICATION <= size <= JOURNAL_FRAME.ceiling:
                self.torn = True
                break
            sealed = self._file.read(size)
            if len(sealed) < size:
                self.torn = True
                break
            try:
                content = self._cipher.decrypt(_nonce(number), sealed, self._head)
            except InvalidTag:
                unopened += 1  # its length may be right, and more follow
            else:
                self.damaged = self.damaged or bool(unopened)
                yield content
            number += 1
        if number == unopened:  # the first is durable before the file has a name, so this is no torn end
            self.damaged = True
        elif unopened and not self.damaged:
            self.torn = True


def _nonce(number: int) -> bytes:
    return number.to_bytes(12)
