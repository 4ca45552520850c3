"""ASCII armor: an age file as text, strict PEM (RFC 7468, figure 3) with the label AGE ENCRYPTED FILE.

Owns the lines around and within, both ways, as they come. There is one way to write each file, but for line ends (LF or
CRLF) and whitespace around the block: anything else is refused. Reads no byte beyond the block that is not whitespace.
"""

from __future__ import annotations

import binascii
from base64 import b64encode
from collections.abc import Iterable, Iterator
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import TYPE_CHECKING

from appliance.base.limits import ARMOR_WHITESPACE
from appliance.seal.errors import ArmorMalformed, ArmorTruncated

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS = 64
_LINE = 48
"""Bytes that a full line carries."""
_LONGEST = _COLUMNS + 2
_WHITESPACE = b" \t\r\n"


def armor(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """The text of an age file that comes in pieces; each piece of it ends with a line feed."""
    yield BEGIN + b"\n"
    rest = b""
    for piece in pieces:
        data = rest + piece
        whole = len(data) - len(data) % _LINE
        if whole:
            yield _lines(data[:whole])
        rest = data[whole:]
    yield (_lines(rest) if rest else b"") + END + b"\n"


def unarmored(file: BufferedIOBase) -> BufferedIOBase:
    """The age file that `file`, at its start, is, or is the armor of; `file` is taken over. No seeking.

    Nothing but armor starts with a dash or whitespace. What is wrong with armor is raised in reading, by name.
    """
    ahead = file if isinstance(file, BufferedReader) else BufferedReader(file)
    first = ahead.peek(1)[:1]
    return BufferedReader(ArmorReader(ahead)) if first and first in b"-" + _WHITESPACE else ahead


class ArmorReader(RawIOBase):
    """The bytes within armor, read from a buffered file that stands at its start.

    Reading raises `ArmorMalformed` or `ArmorTruncated`, and again when it is tried again. The end of the file is
    reported when the end line was read, and nothing but whitespace after it.
    """

    def __init__(self, file: BufferedIOBase) -> None:
        super().__init__()
        self._file = file
        self._begun = self._last = self._ended = False
        self._rest = memoryview(b"")
        self._failed: ArmorMalformed | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with what the next lines carry; the number of bytes, 0 at the end only."""
        if self._failed:
            raise self._failed
        out = memoryview(buffer).cast("B")
        filled = 0
        try:
            # What was asked for and no line more, so that a mistake further down does not hide what comes before it.
            while filled < len(out) and (self._rest or self._next()):
                count = min(len(self._rest), len(out) - filled)
                out[filled : filled + count] = self._rest[:count]
                self._rest = self._rest[count:]
                filled += count
        except ArmorMalformed as error:
            self._failed = error
            if not filled:
                raise
        return filled

    def _next(self) -> bool:
        """Decode a line into `_rest`; false at the end."""
        if self._ended:
            return False
        if not self._begun:
            self._begin()
        line = self._line()
        if line == END:
            self._end()
            return False
        if self._last:
            raise ArmorMalformed("armor has a line after the short one that is its last")
        try:
            data = binascii.a2b_base64(line, strict_mode=True)
        except binascii.Error:
            raise ArmorMalformed("armor holds a line that is not base64, or not canonical") from None
        if not data or (len(data) < _LINE and b64encode(data) != line):
            raise ArmorMalformed("armor holds a line that is empty, or not canonical base64")
        self._last = len(data) < _LINE
        self._rest = memoryview(data)
        return True

    def _begin(self) -> None:
        left = ARMOR_WHITESPACE.default
        while not (line := self._file.readline(left + _LONGEST)).strip(_WHITESPACE):
            left -= len(line)
            if left < 0 or not line.endswith(b"\n"):
                raise ArmorMalformed("the file is nothing but whitespace, or has more of it than may precede armor")
        if _without_end(line) != BEGIN:
            raise ArmorMalformed("the file is neither an age file nor armor of one")
        self._begun = True

    def _end(self) -> None:
        behind = self._file.read(ARMOR_WHITESPACE.default + 1)
        if len(behind) > ARMOR_WHITESPACE.default or behind.strip(_WHITESPACE):
            raise ArmorMalformed("something follows the armor")
        self._ended = True

    def _line(self) -> bytes:
        line = self._file.readline(_LONGEST)  # a longer one shows itself by having no end
        text = _without_end(line)
        if not line.endswith(b"\n") and text != END:
            if len(line) == _LONGEST:
                raise ArmorMalformed("armor holds a line of more than 64 columns")
            raise ArmorTruncated("the file ends within its armor", fix="Copy the text anew, to its last line.")
        return text


def _lines(data: bytes | memoryview) -> bytes:
    text = b64encode(data)
    return b"".join(text[start : start + _COLUMNS] + b"\n" for start in range(0, len(text), _COLUMNS))


def _without_end(line: bytes) -> bytes:
    return line[: -2 if line.endswith(b"\r\n") else -1 if line.endswith(b"\n") else None]
