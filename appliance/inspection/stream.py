"""One direction of a TCP connection: puts segments in order, and passes by what need not be looked at.

Offsets count from the first byte of the stream and never wrap, so a transfer of any size and a PDU of any announced
length are arithmetic. `shunt` is the offset up to which nothing need be looked at; its reader moves it. A segment that
ends before it costs a comparison, and it does not matter whether segments before it are missing.

Never guesses between two versions of the same bytes: the first is read on, the other is kept for its reader to judge
as well (`versions.py`), and that there was a conflict is said.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from typing import Protocol

from appliance.base import limits
from appliance.inspection.flow import Flow
from appliance.inspection.looked_at import OVERHEAD, LookedAt
from appliance.inspection.memory import Memory

EVERYTHING = 1 << 62  # a shunt that no stream reaches
FARTHEST = 1 << 30  # bytes; no window is larger (RFC 7323 2.3)
_SEQ = 0xFFFFFFFF
_HALF = 1 << 31
_LONG = 10.0  # seconds after which a hole is given up in any case
_PATIENCE = 0.25  # seconds that a hole stays open after its receiver acknowledged what lies in it
_QUIET = 1.0  # seconds of silence after which what was acknowledged and never came will not come


class Reader(Protocol):
    """Understands the bytes of a stream."""

    def feed(self, data: memoryview, offset: int) -> None:
        """Take the next bytes; `data` is valid during the call only. They follow on the last, or on the shunt."""

    def lost(self, count: int) -> None:
        """`count` bytes will never be seen; what is fed next lies behind them."""

    def conflict(self, offset: int) -> None:
        """Bytes at `offset` came twice and were not the same; the second version is the last of `Stream.versions`."""

    def end(self) -> None:
        """Nothing more will come. Refer to no other reader from now on."""

    def forgot(self) -> None:
        """Bytes that were there before came again, or may, and what they were is not known, or not any more."""


class Stream:
    """See the head of this file. Public attributes are read and written by the engine's fast path."""

    __slots__ = (
        "ack",
        "cut",
        "finished",
        "flow",
        "from_client",
        "held",
        "held_bytes",
        "hole_since",
        "initial",
        "last",
        "looked_at",
        "memory",
        "opened",
        "other",
        "position",
        "reader",
        "shunt",
        "stored",
        "unseen",
        "versions",
    )

    def __init__(self, flow: Flow, initial: int, from_client: bool, memory: Memory, now: float) -> None:
        self.flow = flow
        self.initial = initial  # the sequence number of offset 0
        self.from_client = from_client
        self.memory = memory
        self.position = 0
        self.shunt = 0
        self.last = now
        self.ack = -1  # the last acknowledgement number that this side sent
        self.finished = False
        self.cut = False  # the capture kept less of a segment than was needed
        self.opened = False  # its SYN or SYN-ACK was seen
        self.reader: Reader
        self.other: Stream
        self.held: list[tuple[int, bytes, int]] = []  # (offset, bytes, end), sorted; end is where it ended on the wire
        self.held_bytes = 0  # with what they cost beside
        self.hole_since = 0.0
        self.looked_at = LookedAt()
        self.versions: list[tuple[int, bytes]] = []  # what came second and differed, in the order of its coming
        self.stored = 0
        self.unseen = 0

    def precedes(self, seq: int) -> bool:
        """Whether a segment begins before the stream does."""
        behind = (self.initial + self.position - seq) & _SEQ
        return self.position < behind < _HALF

    def segment(self, now: float, seq: int, data: memoryview, length: int) -> None:
        """Take a segment: `length` bytes on the wire, of which `data` was captured."""
        delta = (seq - self.initial - self.position) & _SEQ
        offset = self.position + (delta if delta < _HALF else delta - (1 << 32))
        idle, self.last = now - self.last, now
        end = offset + length
        if offset < self.position:
            if not (length == 1 and end == self.position and idle > 1 and bytes(data) == b"\0"):  # no keep-alive probe
                self._compare(offset, data)
            if end <= self.position:
                if end <= 0 and length > 1:  # nobody sends bytes from before the beginning
                    if self.flow.joined:
                        self.reader.forgot()
                    else:
                        self._dispute(offset, data)
                return
            data = data[self.position - offset :]
            offset = self.position
        self._take(now, offset, data, end)
        if self.held:
            self._drain(now)

    def follow(self, now: float, data: memoryview, length: int) -> None:
        """Take a segment that begins where the stream is."""
        self._take(now, self.position, data, self.position + length)
        if self.held:
            self._drain(now)

    def settle(self, now: float, over: bool = False) -> None:
        """Time has passed: give up a hole that its receiver has not, or that nobody fills any more. `over`: nothing
        more will come.
        """
        waited = now - self.hole_since
        if self.held and (over or waited > _LONG or (waited > _PATIENCE and self._received(self.held[0][0]))):
            self._give_up(self.held[0][0])
            self._drain(now)
        if self.other.ack >= 0 and self.shunt != EVERYTHING:
            if not self.held and (over or now - max(self.last, self.other.last) > _QUIET):
                self._miss()
            if self.looked_at.forgotten > max(0, self._acknowledged()):
                self._forgot()

    def _miss(self) -> None:
        """What the receiver acknowledged and never came here is lost: the last of what was said, or all of it."""
        end = self._acknowledged()
        if 1 < end - self.position < FARTHEST and end > self.shunt:  # a FIN counts one
            missing = end - max(self.position, self.shunt)
            self.position = end
            self._lose(missing)

    def _drain(self, now: float) -> None:
        """Take what was held for as long as it follows on."""
        while self.held and self.held[0][0] <= max(self.position, self.shunt):
            offset, kept, end = self.held.pop(0)
            self.held_bytes -= len(kept) + OVERHEAD
            self.release(len(kept) + OVERHEAD)
            if end > self.position:
                cut = max(0, self.position - offset)
                self._take(now, offset + cut, memoryview(kept)[cut:], end)

    def _take(self, now: float, offset: int, data: memoryview, end: int) -> None:
        if end <= self.shunt:
            self.position = end
            return
        if offset < self.shunt:
            data = data[self.shunt - offset :]
            offset = self.shunt
        if self.position < self.shunt:
            self.position = self.shunt
        if offset > self.position:
            self._hold(now, offset, data, end)
            return
        self.position = end
        if data:
            self.reader.feed(data, offset)
        missing = end - max(offset + len(data), self.shunt)
        if missing > 0:
            self.cut = True
            self._lose(missing)

    def _hold(self, now: float, offset: int, data: memoryview, end: int) -> None:
        if offset - self.position > FARTHEST:  # a receiver that is where we are does not take it
            if (self.other.ack - self.initial - offset + FARTHEST) & _SEQ < 2 * FARTHEST and self.other.ack >= 0:
                self._dispute(offset, data)
            return
        against = [(begin, kept) for begin, kept, _ in self.held if self._disagrees(((begin, kept),), offset, data)]
        for begin, kept in against:  # which of them is read on depends on where they begin: keep both
            self._dispute(begin, memoryview(kept))
        if against:
            self._dispute(offset, data)
        if any(begin <= offset and end <= stop for begin, _, stop in self.held):
            return
        if not self.held:
            self.hole_since = now
        insort(self.held, (offset, bytes(data), end))
        self.held_bytes += len(data) + OVERHEAD
        self.keep(len(data) + OVERHEAD)
        first = self.held[0][0]
        if (
            (now - self.hole_since > _PATIENCE and self._received(first))
            or self.held_bytes > limits.SENSOR_HELD.default
            or len(self.held) > limits.SENSOR_HELD_SEGMENTS.default
        ):
            self._give_up(first)

    def _give_up(self, offset: int) -> None:
        """A hole before `offset` will not be filled. Where its receiver says that it has it too, what lies behind was
        never taken: it is let go, so that nobody has us jump ahead.
        """
        if self._lacks(offset):
            self.release(self.held_bytes)
            self.held.clear()
            self.held_bytes = 0
            if not self.position:
                self._lose(0)  # of its beginning nothing came
        else:
            self._skip_to(offset)

    def _skip_to(self, offset: int) -> None:
        """Give the hole up. What is held is delivered by who called."""
        missing = offset - self.position
        self.position = offset
        self._lose(missing)

    def _lose(self, count: int) -> None:
        self.unseen += count
        self.reader.lost(count)

    def _received(self, offset: int) -> bool:
        """Whether the other side said that it has all bytes up to an offset."""
        acknowledged = (self.other.ack - self.initial - self.position) & _SEQ
        return self.other.ack >= 0 and offset - self.position <= acknowledged < _HALF

    def _lacks(self, offset: int) -> bool:
        """Whether the other side said that it has not all bytes up to an offset."""
        acknowledged = (self.other.ack - self.initial - self.position) & _SEQ
        return self.other.ack >= 0 and (acknowledged >= _HALF or acknowledged < offset - self.position)

    def _acknowledged(self) -> int:
        """The offset up to which the other side has all bytes, as it said last. Only where it said anything."""
        ahead = (self.other.ack - self.initial - self.position) & _SEQ
        return self.position + (ahead if ahead < _HALF else ahead - (1 << 32))

    def _compare(self, offset: int, data: memoryview) -> None:
        if self.looked_at.differs(offset, data):
            self._dispute(offset, data)
        elif offset < self.looked_at.forgotten and self.other.ack > -1 and self._acknowledged() < offset + len(data):
            self._forgot()

    def _forgot(self) -> None:
        self.looked_at.forgotten = 0
        self.reader.forgot()

    def _dispute(self, offset: int, data: memoryview) -> None:
        version = (offset, bytes(data))
        if version in self.versions:
            return
        if len(self.versions) < limits.SENSOR_VERSIONS.default:
            self.versions.append(version)
            self.keep(len(data) + OVERHEAD)
        self.reader.conflict(offset)

    @staticmethod
    def _disagrees(pieces: Iterable[tuple[int, bytes | bytearray]], offset: int, data: memoryview) -> bool:
        end = offset + len(data)
        for begin, kept in pieces:
            low, high = max(begin, offset), min(begin + len(kept), end)
            if low < high and memoryview(kept)[low - begin : high - begin] != data[low - offset : high - offset]:
                return True
        return False

    def remember(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Keep bytes that were looked at, for a while, to notice when they come again and differ."""
        before = self.looked_at.size
        if self.looked_at.add(offset, data):
            self.looked_at.trim(self._acknowledged() if self.other.ack >= 0 else None)
        self.keep(self.looked_at.size - before)

    def forget(self) -> None:
        """What was looked at will not be compared any more."""
        self.release(self.looked_at.size)
        self.looked_at.clear()

    def keep(self, count: int) -> None:
        """Say that so many more bytes are kept for this stream."""
        self.stored += count
        self.memory.used += count

    def release(self, count: int) -> None:
        """Say that so many bytes were let go."""
        self.stored -= count
        self.memory.used -= count

    def pass_by(self) -> None:
        """Look at nothing of this stream from now on, unless its reader takes the shunt back."""
        self.shunt = EVERYTHING
        self.forget()
        self.release(self.held_bytes + sum(len(data) + OVERHEAD for _, data in self.versions))
        self.held.clear()
        self.versions.clear()
        self.held_bytes = 0

    def end(self) -> None:
        """The flow is over: keep nothing, whoever kept it."""
        self.pass_by()
        self.release(self.stored)
        self.reader.end()
