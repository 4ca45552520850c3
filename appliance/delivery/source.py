"""A sealed object as a destination needs it: the UIDs of its instance, then its data set in pieces, never on a disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedIOBase

from appliance.delivery.file_meta import FileMeta, NotPart10, parse_file_meta
from appliance.seal.keys import Identity
from appliance.seal.opening import Opening


class Source:
    """One instance, read once. Memory: one chunk of 64 KiB. Raises SealError and NotPart10 for damage."""

    def __init__(self, file: BufferedIOBase, identities: Sequence[Identity], kind: tuple[str, str]) -> None:
        """`kind` is the SOP class and transfer syntax that the ledger has; an object that says otherwise is damage."""
        self._opening = Opening(file, identities)
        self._first = self._opening.read_chunk()
        self.meta: FileMeta = parse_file_meta(self._first)
        if (self.meta.sop_class, self.meta.transfer_syntax) != kind:
            raise NotPart10("the File Meta Information contradicts the record of the object")

    def data_set(self) -> Iterator[tuple[memoryview, bool]]:
        """Pieces of the data set and whether each is the last, which is known from the final chunk's authentication.

        A piece is valid until the next is asked for. A stream that breaks raises before a last piece was given.
        """
        piece = self._first[self.meta.data_set_offset :]
        while not self._opening.whole:
            if piece:
                yield piece, False
            piece = self._opening.read_chunk()
        yield piece, True
