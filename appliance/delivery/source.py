"""A sealed object as a destination needs it: as it is, or opened, in pieces and never on a disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from io import BufferedReader

from appliance.delivery.file_meta import FileMeta, NotPart10, parse_file_meta
from appliance.delivery.pacing import Paced, Pass, unlimited
from appliance.seal.errors import PayloadTruncated
from appliance.seal.keys import Identity
from appliance.seal.opening import Opening
from appliance.seal.stream import AUTHENTICATION, NONCE, SEALED_CHUNK

_PIECE = 1 << 16
Identities = Sequence[Identity] | Callable[[], Sequence[Identity]]


class Source:
    """One instance, read once: `sealed`, or `data_set`, or `part10`. Opened when it is asked for what is in it, and not
    before. Memory: one chunk of 64 KiB. Raises SealError and NotPart10 for damage, and what `identities` raises."""

    def __init__(
        self,
        sealed: BufferedReader,
        identities: Identities,
        kind: tuple[str, str] | None,
        object_id: str = "",
        spend: Pass = unlimited,
    ) -> None:
        """`kind` is the SOP class and transfer syntax that the ledger has, where there is one; an object that says
        otherwise is damage. `spend` is called with the length of each piece, and returns when it may go out."""
        self.sealed = sealed
        self.object_id = object_id
        self._identities = identities
        self._kind = kind
        self._spend = spend
        # Not cached properties: all instances of a class share the lock of one, and couriers would open by turns.
        self._opened: Opening | None = None
        self._meta: FileMeta | None = None
        self._first = memoryview(b"")

    @property
    def _opening(self) -> Opening:
        if self._opened is None:
            identities = self._identities() if callable(self._identities) else self._identities
            opening = Opening(self.sealed, identities)
            self._first = opening.read_chunk()
            self._opened = opening
        return self._opened

    @property
    def meta(self) -> FileMeta:
        """The UIDs of the instance, and where its data set starts."""
        if self._meta is None:
            assert self._opening
            meta = parse_file_meta(self._first)
            if self._kind and (meta.sop_class, meta.transfer_syntax) != self._kind:
                raise NotPart10("the File Meta Information contradicts the record of the object")
            self._meta = meta
        return self._meta

    @property
    def size(self) -> int:
        """The bytes of the Part 10 file, by the length of the sealed one, which has to be a file."""
        payload = os.fstat(self.sealed.fileno()).st_size - self._opening.header.size - NONCE
        if payload <= 0:
            raise PayloadTruncated("the object ends before its first chunk")
        return payload - AUTHENTICATION * -(-payload // SEALED_CHUNK)

    def spend(self, count: int) -> None:
        """Return when so many bytes may go out."""
        self._spend(count)

    def data_set(self, *, paced: bool = True) -> Iterator[tuple[memoryview, bool]]:
        """Pieces of the data set and whether each is the last, which is known from the final chunk's authentication.

        A piece is valid until the next is asked for. A stream that breaks raises before a last piece was given. They
        come as fast as they may go out where they are `paced`.
        """
        spend = self._spend if paced else unlimited
        offset = self.meta.data_set_offset
        piece = self._first[offset:]
        while not self._opening.whole:
            if piece:
                spend(len(piece))
                yield piece, False
            piece = self._opening.read_chunk()
        spend(len(piece))
        yield piece, True

    def part10(self) -> Iterator[memoryview]:
        """Pieces of the whole file. A piece is valid until the next is asked for; the last is not told apart, so who
        takes these must know by `size` that he has all of them, and that the iteration ended without an error."""
        assert self.meta
        self._spend(len(self._first))
        yield self._first
        while not self._opening.whole:
            piece = self._opening.read_chunk()
            self._spend(len(piece))
            yield piece

    def outgoing(self) -> BufferedReader:
        """The sealed file, for who sends it as it is: it is read as fast as it may go out."""
        return self.sealed if self._spend is unlimited else BufferedReader(Paced(self.sealed, self._spend), _PIECE)
