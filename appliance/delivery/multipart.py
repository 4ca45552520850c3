"""One instance as the body of a STOW-RS request: multipart/related with one part (PS3.18 10.5.1, RFC 2387). Pure.

Holds nothing: pieces go in and come out as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.base.errors import LocalError


@dataclass(frozen=True, slots=True)
class Related:
    """A body with one part of `size` bytes. `boundary` is random, so that it is not in the part (RFC 2046 5.1.1)."""

    boundary: str
    size: int

    @property
    def content_type(self) -> str:
        """The Content-Type of the request."""
        return f'multipart/related; type="application/dicom"; boundary={self.boundary}'

    @property
    def length(self) -> int:
        """The Content-Length of the request."""
        return len(self._head) + self.size + len(self._tail)

    def body(self, part: Iterable[memoryview]) -> Iterator[bytes | memoryview]:
        """The body around the pieces of the part. Raises LocalError, before the end, where they are of another size."""
        yield self._head
        left = self.size
        for piece in part:
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left:
            raise LocalError("an instance has another size than its sealed object says")
        yield self._tail

    @property
    def _head(self) -> bytes:
        return f"--{self.boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()
