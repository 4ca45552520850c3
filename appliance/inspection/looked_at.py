"""What was looked at of a stream lately, to notice when the same bytes come again and differ. Pure and bounded.

Bytes stay at least until their receiver acknowledged them: before that it may yet take another version of them. Where
room is needed earlier they are `forgotten`, which the stream says when it matters.
"""

from __future__ import annotations

from bisect import bisect_right

from appliance.base import limits

OVERHEAD = 100  # bytes that a piece costs beside its own
_LONGEST = 4096  # bytes of a piece
_FEW = 6  # pieces that stay, whoever acknowledged them
_MANY, _MUCH = 12, 24 << 10  # pieces, or bytes, after which what was acknowledged goes


def _begin(piece: tuple[int, bytearray]) -> int:
    return piece[0]


class LookedAt:
    """Pieces of one stream, in the order of their offsets; none overlaps another."""

    __slots__ = ("_end", "_pieces", "forgotten", "size")

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytearray]] = []
        self._end = 0
        self.size = 0  # bytes that are kept, with what they cost beside
        self.forgotten = 0  # the offset before which bytes went, and up to which the receiver said that it had them

    def add(self, offset: int, data: bytes | bytearray | memoryview) -> bool:
        """Keep bytes. Says whether it is time to `trim`."""
        if offset < self._end:
            data = data[self._end - offset :]
            offset = self._end
        size = len(data)
        if not size:
            return False
        pieces = self._pieces
        if offset == self._end and pieces and len(pieces[-1][1]) + size <= _LONGEST:
            pieces[-1][1].extend(data)
            self.size += size
        elif size <= _LONGEST:
            pieces.append((offset, bytearray(data)))
            self.size += size + OVERHEAD
        else:
            cut = range(0, size, _LONGEST)
            pieces += [(offset + at, bytearray(data[at : at + _LONGEST])) for at in cut]
            self.size += size + len(cut) * OVERHEAD
        self._end = offset + size
        return len(pieces) > _MANY or self.size > _MUCH

    def trim(self, acknowledged: int | None) -> None:
        """Let go what the receiver has, as it said, and what there is no room for. Should it say less later on, what it
        said first was not its own word. None where it says nothing that we see.
        """
        pieces, gone = self._pieces, 0
        while gone < len(pieces) - _FEW:
            offset, piece = pieces[gone]
            end = offset + len(piece)
            if acknowledged is not None:
                if end > acknowledged and self.size <= limits.SENSOR_LOOKED_AT.default:
                    break
                self.forgotten = max(self.forgotten, end, acknowledged)
            self.size -= len(piece) + OVERHEAD
            gone += 1
        del pieces[:gone]

    def differs(self, offset: int, data: memoryview) -> bool:
        """Whether bytes at an offset are not what was there before, as far as that is known."""
        end = offset + len(data)
        for begin, kept in self._pieces[max(0, bisect_right(self._pieces, offset, key=_begin) - 1) :]:
            if begin >= end:
                break
            low, high = max(begin, offset), min(begin + len(kept), end)
            if low < high and memoryview(kept)[low - begin : high - begin] != data[low - offset : high - offset]:
                return True
        return False

    def run(self, start: int, most: int) -> bytes:
        """The bytes from an offset on, as far as they are known without a gap."""
        found = bytearray()
        for at, piece in self._pieces[max(0, bisect_right(self._pieces, start, key=_begin) - 1) :]:
            here = start + len(found)
            if not at <= here < at + len(piece) or len(found) >= most:
                break
            found += piece[here - at :]
        return bytes(found[:most])

    def clear(self) -> None:
        """Keep nothing."""
        self._pieces.clear()
        self._end = self.size = self.forgotten = 0
