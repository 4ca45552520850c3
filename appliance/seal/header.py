"""The age v1 header: a version line, recipient stanzas and a MAC. Text in, stanzas out, and back.

Owns the grammar, which it reads strictly: one way to write a header, everything else is refused. Knows nothing of what
a stanza means, and reads no byte beyond the header's last line feed.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedIOBase

from appliance.base.limits import SEALED_HEADER
from appliance.seal import kdf
from appliance.seal.errors import HeaderMalformed, HeaderTampered, HeaderTooLong, VersionUnsupported

_VERSION = b"age-encryption.org/v1\n"
_LONGEST_VERSION = 128
_ANY_VERSION = re.compile(rb"age-encryption\.org/[!-~]+\n")
_COLUMNS = 64
_ARGUMENTS = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
_MAC = 32
# " ", 43 characters of base64 and a line feed follow the "---" that the MAC covers last.
_MAC_TAIL = 45


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient stanza: its type and further arguments, printable ASCII without spaces, and its body."""

    arguments: tuple[str, ...]
    body: bytes

    @property
    def type(self) -> str:
        """The first argument, which says whose stanza it is."""
        return self.arguments[0]

    def encode(self) -> bytes:
        """The stanza as it stands in a header, from its arrow to its last line feed."""
        body = encode_base64(self.body)
        lines = [body[start : start + _COLUMNS] for start in range(0, len(body) + 1, _COLUMNS)]
        return "\n".join(["-> " + " ".join(self.arguments), *lines, ""]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Header:
    """A header that was read. Until `verify` was called with the right key, its content is a claim only."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    covered: bytes
    """The bytes that the MAC covers: from the version line to the three dashes."""

    @property
    def size(self) -> int:
        """Length of the whole header in bytes: the payload starts here."""
        return len(self.covered) + _MAC_TAIL

    def verify(self, key: bytes) -> None:
        """Check the MAC under `mac_key(file key)`; raises `HeaderTampered`."""
        if not hmac.compare_digest(self.mac, hmac.digest(key, self.covered, "sha256")):
            raise HeaderTampered("the MAC of the sealed header is wrong")


def mac_key(file_key: bytes) -> bytes:
    """The key of the header's MAC."""
    return kdf.derive(file_key, b"header")


def encode_header(stanzas: Sequence[Stanza], key: bytes) -> bytes:
    """A whole header; `key` comes from `mac_key`."""
    return end_header(begin_header(stanzas), key)


def begin_header(stanzas: Sequence[Stanza]) -> bytes:
    """The header up to and with these stanzas; further ones may be appended, encoded."""
    return b"".join([_VERSION, *(stanza.encode() for stanza in stanzas)])


def end_header(begun: bytes, key: bytes) -> bytes:
    """The whole header from what it begins with; `key` comes from `mac_key`."""
    covered = begun + b"---"
    return covered + b" " + encode_base64(hmac.digest(key, covered, "sha256")).encode("ascii") + b"\n"


def header_size(stanzas: Sequence[Stanza], more: int = 0) -> int:
    """Length in bytes of a header of these stanzas and of `more` bytes of further ones."""
    return ended_size(begin_header(stanzas)) + more


def ended_size(begun: bytes) -> int:
    """Length in bytes of what `end_header` makes of it."""
    return len(begun) + 3 + _MAC_TAIL


def read_header(file: BufferedIOBase) -> Header:
    """Read a header from a buffered binary file, which then stands at the payload. No seeking.

    Raises `HeaderMalformed` or one of its kinds, after at most `SEALED_HEADER` bytes.
    """
    lines = _Lines(file)
    if (first := lines.first()) != _VERSION:
        if _ANY_VERSION.fullmatch(first):
            raise VersionUnsupported("the file is sealed in a version of age other than v1")
        raise HeaderMalformed("the file does not start as an age file does")
    stanzas = []
    while (line := lines.next()).startswith(b"->"):
        stanzas.append(_stanza(line, lines))
    if not stanzas or not line.startswith(b"--- "):
        raise HeaderMalformed("the sealed header has neither a stanza nor its end where one belongs")
    mac = decode_base64(line[4:-1])
    if len(mac) != _MAC:
        raise HeaderMalformed("the MAC of the sealed header is not 32 bytes long")
    return Header(tuple(stanzas), mac, lines.read[: 3 - len(line)])


def encode_base64(data: bytes) -> str:
    """Standard base64 without padding (RFC 4648 section 4)."""
    return b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64(text: bytes) -> bytes:
    """Bytes from canonical base64 without padding; raises `HeaderMalformed` for anything else."""
    if not _BASE64.fullmatch(text) or len(text) % 4 == 1:
        raise HeaderMalformed("the sealed header holds something that is not base64 without padding")
    data = b64decode(text + b"=" * (-len(text) % 4))
    if b64encode(data).rstrip(b"=") != text:
        raise HeaderMalformed("the sealed header holds base64 that is not canonical")
    return data


def _stanza(line: bytes, lines: _Lines) -> Stanza:
    found = _ARGUMENTS.fullmatch(line)
    if not found:
        raise HeaderMalformed("a stanza of the sealed header does not start with its arguments")
    body = []
    full = True
    while full:
        text = lines.next()[:-1]
        if len(text) > _COLUMNS:
            raise HeaderMalformed("a stanza of the sealed header has a line of more than 64 columns")
        body.append(text)
        full = len(text) == _COLUMNS
    # Full lines have whole groups of four: together they decode to what each of them does, in one go.
    return Stanza(tuple(found[1].decode("ascii").split(" ")), decode_base64(b"".join(body)))


class _Lines:
    """The lines of a header, each with its line feed, within the limit of all together."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self._left = SEALED_HEADER.default
        self._lines: list[bytes] = []

    def first(self) -> bytes:
        """The first line, or as much of the file as shows that it has none: it may be anything, of any length."""
        line = self._file.readline(_LONGEST_VERSION)
        self._left -= len(line)
        self._lines.append(line)
        return line

    def next(self) -> bytes:
        line = self._file.readline(self._left)
        self._left -= len(line)
        if not line.endswith(b"\n"):
            if not self._left:
                raise HeaderTooLong(f"the sealed header is longer than {SEALED_HEADER.default} bytes")
            raise HeaderMalformed("the file ends within the sealed header")
        self._lines.append(line)
        return line

    @property
    def read(self) -> bytes:
        return b"".join(self._lines)
