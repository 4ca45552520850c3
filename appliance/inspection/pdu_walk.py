"""Walks the PDUs and PDVs of one direction of an association, from header to header (PS3.8 9.3.1, 9.3.5, annex E).

Every PDU and every PDV states its length, so bulk data need not be looked at: where the conversation grants it, the
stream's shunt is moved behind the PDV and segments before that cost arithmetic only. What is not granted is searched
for PDU headers that should not be there. Lost framing is searched for the next header, and called blind.

Keeps control PDUs, command sets, a data set's first bytes and split headers, each up to its limit; never bulk data.
"""

from __future__ import annotations

import struct

from appliance.base import limits
from appliance.inspection.conversation import P_DATA, PDU_NAMES, Conversation, Trust
from appliance.inspection.message_assembly import MessageAssembly
from appliance.inspection.observations import ControlPdu
from appliance.inspection.resync import Search, plausible
from appliance.inspection.stream import EVERYTHING, Stream

_DATA_HEADER = struct.Struct("!BxIIBB")
_PDU_HEADER = struct.Struct("!BxI")
_PDV_HEADER = struct.Struct("!IBB")
_LONGEST_WAIT = 65536
_SEARCHED = 4096  # bytes at once, however long a segment is
_TLS_ALERT = 21

# States: what the next byte belongs to.
HEADER, CONTROL, PDV, COMMAND, HEAD, DATA, WATCH, HUNT, WAIT = range(9)
_PLACES = {HEADER: "PDU header", CONTROL: "control PDU", PDV: "PDV header", COMMAND: "command set"}


class PduWalk:
    """The reader of one stream that carries DICOM. `hunting`: the framing is not known yet."""

    __slots__ = (
        "_again",
        "_contexts",
        "_from",
        "_granted",
        "_left",
        "_maximum",
        "_message",
        "_need",
        "_pdu_left",
        "_pending",
        "_search",
        "_skippable",
        "_state",
        "_sure",
        "conversation",
        "other",
        "stream",
    )

    def __init__(self, stream: Stream, conversation: Conversation, hunting: bool) -> None:
        self.stream = stream
        self.conversation = conversation
        self.other: PduWalk
        self._state = HUNT if hunting else HEADER
        self._sure = not hunting  # whether the framing is beyond doubt
        self._pending = bytearray()  # a header, a control PDU, or what waits for an answer
        self._from = 0  # the offset of its first byte
        self._need = 6  # when it is whole
        self._message = MessageAssembly(stream, conversation)
        self._left = 0  # of what the state is about
        self._pdu_left = 0  # of the PDU, behind that
        self._skippable = 0  # of the PDU, by what was granted
        self._granted = 0
        self._maximum = 0
        self._contexts: bytes | None = None
        self._search = Search()
        self._again: tuple[bytes, int] | None = None  # bytes and offset to go on from

    # What the stream tells: see `stream.Reader`.

    def feed(self, data: memoryview, offset: int) -> None:
        """Take the next bytes."""
        i, n = 0, len(data)
        while i < n:
            if self._state == HEADER and n - i >= 12 and self._granted and self._sure and not self._pending:
                kind, length, size, context, flags = _DATA_HEADER.unpack_from(data, i)
                if (
                    kind == P_DATA
                    and length <= self._granted
                    and 2 <= size <= length - 4
                    and not (flags | size) & 1
                    and self._contexts is not None
                    and self._contexts[context]
                    and not self._message.busy
                    and self.conversation.undisturbed
                ):  # the usual case: bulk data
                    self._look_at(data[i : i + 12], offset + i)
                    if size == length - 4:  # one PDV: what follows it is the next PDU
                        self.conversation.statistics.skipped += size - 2
                        i += 10 + size
                        if i > n:
                            self.stream.shunt = offset + i
                        continue
                    self._skippable = length - 6
                    self._pdu_left = length - 4 - size
                    self._left = size - 2
                    i = self._skip(i + 12, n, offset)
                    continue
            i = self._step(data, i, n, offset)
            if self._again:
                again, offset = self._again
                self._again = None
                data, i, n = memoryview(again), 0, len(again)

    def lost(self, count: int) -> None:
        """Bytes will never come."""
        framed = self._state == HEAD and count <= min(self._left, self._skippable)
        self._message.lost(framed)
        if framed:  # they were of a data set's beginning
            self._left -= count
            self._skippable -= count
            self._state = DATA
            if not self._left:
                self._next()
            return
        self._clear()
        self._search.clear()
        was, self._state, self._sure = self._state, HUNT, False
        if was != HUNT:
            self.conversation.blind(f"segments were lost in a {_PLACES.get(was, 'data set')}")
        self.other.resume()

    def conflict(self, offset: int) -> None:
        """Bytes came twice and differed: judge the other version of what they were part of."""
        self.conversation.conflict(self.stream.from_client)
        self._message.second.disputed()

    def forgot(self) -> None:
        """Bytes came again, or may, that nothing is known of."""
        self.conversation.forgot()

    def end(self) -> None:
        """Nothing more will come: let the other direction go, so that both are freed at once."""
        del self.other

    # What the other direction tells.

    def grant(self) -> None:
        """The A-ASSOCIATE-AC was seen."""
        self._granted, self._maximum = self.conversation.maximum(self.stream.from_client)
        self._contexts = self.conversation.contexts

    def resume(self) -> None:
        """What this direction waited for has come, or never will."""
        if self._state == WAIT:
            waited, offset = bytes(self._pending), self._from
            self._clear()
            self._state = HEADER
            self.feed(memoryview(waited), offset)

    def wake(self) -> None:
        """The flow is DICOM after all: search on if that was given up."""
        if self.stream.shunt == EVERYTHING:
            self.stream.shunt = self.stream.position

    # States. Each takes bytes from data[i:n] and gives the new i.

    def _step(self, data: memoryview, i: int, n: int, offset: int) -> int:
        state = self._state
        if state in (HEADER, CONTROL, PDV):
            i = self._gather(data, i, n, offset)
            if len(self._pending) == self._need:
                if state == HEADER:
                    self._header()
                elif state == PDV:
                    self._pdv()
                    if self._state == DATA:  # at once, so that a frame of nothing but bulk data is never needed
                        return self._skip(i, n, offset)
                else:
                    self._control()
            return i
        if state == COMMAND:
            return self._command_bytes(data, i, n, offset)
        if state == HEAD:
            return self._head_bytes(data, i, n, offset)
        if state == DATA:
            return self._skip(i, n, offset)
        if state == WAIT:
            return self._wait(data, i, n)
        return self._searching(data, i, n, offset)

    def _gather(self, data: memoryview, i: int, n: int, offset: int) -> int:
        pending = self._pending
        if not pending:
            self._from = offset + i
        piece = data[i : min(n, i + self._need - len(pending))]
        pending += piece
        self.stream.keep(len(piece))
        self._look_at(piece, offset + i)
        return i + len(piece)

    def _header(self) -> None:
        kind, length = _PDU_HEADER.unpack(self._pending)
        if not self._sure:
            if self._pending[1] or not plausible(kind, length):
                self._search.clear(bytes(self._pending))
                self._enter(HUNT)
                return
            self._sure = True
            self.conversation.found()
            self.other.wake()
        if kind == P_DATA:
            self._data(length)
        elif kind == _TLS_ALERT and not self.stream.from_client and not self._from:
            self._clear()
            self.stream.pass_by()  # a TLS server refuses a request in clear
        elif kind not in PDU_NAMES:
            self.conversation.malformed("a PDU of unknown type", self.stream.from_client)
            self._sure = False
            self._enter(HUNT)
        elif self.conversation.early(kind, self.stream.from_client):
            self._state = WAIT
        elif not self.conversation.gathers(kind, length, self.stream.from_client):
            self._watch(length)
        else:
            self._state = CONTROL
            self._need = 6 + length
            if length == 0:
                self._control()

    def _control(self) -> None:
        pdu, start = bytes(self._pending), self._from
        self._enter(HEADER)
        if len(pdu) < 10:
            return
        self._message.second.read(start, pdu)
        self.conversation.report(ControlPdu(self.conversation.flow, self.stream, start, pdu))
        if self.conversation.control(pdu, self.stream.from_client):
            self.grant()
            self.other.grant()
        self.other.resume()

    def _data(self, length: int) -> None:
        from_client = self.stream.from_client
        trust = self.conversation.trust(from_client)
        if trust is Trust.WAIT:
            self._state = WAIT
            return
        granted = self._granted if trust is Trust.GRANTED else 0
        limit = (self._maximum if granted else 0) or limits.SENSOR_SKIP.default
        if not self.conversation.walks(length, limit, from_client):
            self._watch(length)
            return
        self._skippable = granted
        self._pdu_left = length
        self._enter(PDV)

    def _pdv(self) -> None:
        from_client = self.stream.from_client
        size, context, flags = _PDV_HEADER.unpack(self._pending)
        if size < 2 or size > self._pdu_left - 4:
            self.conversation.malformed("a PDV that runs past its PDU", from_client)
            self._watch(self._pdu_left - 6)
            return
        if not context & 1 or (self._contexts is not None and not self._contexts[context]):
            self.conversation.malformed("a PDV in a presentation context that was not accepted", from_client)
        if self._message.in_command() and not (flags & 1 and self._message.in_command(context)):
            self.conversation.malformed("a PDV of another message inside a command set", from_client)
        if size & 1 and not self._maximum & 1:  # PS3.8 E.1; an odd maximum asks for such
            self.conversation.malformed("a fragment of an odd number of bytes", from_client)
        self._pdu_left -= 4 + size
        self._skippable = max(0, self._skippable - 6)
        self._left = size - 2
        begins = self._from + 6
        self._clear()
        if flags & 1:
            self._message.begin_command(context, bool(flags & 2), begins)
            self._state = COMMAND
            if not self._left:
                self._next()
                self._message.command_ended()
            return
        self._message.last = bool(flags & 2)
        if self._left:
            self._state = WATCH if not self._skippable else HEAD if self._message.wants_head else DATA
        else:
            self._message.data_ended(over=self._message.last)
            self._next()

    def _command_bytes(self, data: memoryview, i: int, n: int, offset: int) -> int:
        piece = data[i : min(n, i + self._left)]
        self._message.add_command(piece)
        self._look_at(piece, offset + i)
        self._left -= len(piece)
        if not self._left:
            self._next()
            self._message.command_ended()
        return i + len(piece)

    def _head_bytes(self, data: memoryview, i: int, n: int, offset: int) -> int:
        """Gather the beginning of a data set, then pass the rest by."""
        piece = data[i : min(n, i + min(self._left, self._skippable, self._message.wanted()))]
        self._message.add_head(piece)
        if self._message.asks:
            self.stream.remember(offset + i, piece)
        self._left -= len(piece)
        self._skippable -= len(piece)
        self._message.data_ended(over=self._message.last and not self._left)
        if not self._left:
            self._next()
        elif not self._skippable:
            self._state = WATCH
        elif not self._message.wants_head:
            self._state = DATA
        return i + len(piece)

    def _skip(self, i: int, n: int, offset: int) -> int:
        """Pass by bulk data, as far as it was granted; the rest is watched."""
        left = min(self._left, self._skippable) if self._state == DATA else self._left
        surplus = self._left - left
        self._skippable = max(0, self._skippable - left)
        self.conversation.statistics.skipped += left
        if surplus:
            self._state, self._left = WATCH, surplus
        else:
            self._next()
        if n - i >= left:
            return i + left
        self.stream.shunt = offset + i + left
        return n

    def _wait(self, data: memoryview, i: int, n: int) -> int:
        self._pending += data[i:n]
        self.stream.keep(n - i)
        if len(self._pending) > _LONGEST_WAIT:
            self._again = bytes(self._pending), self._from
            self._enter(HEADER)
            self.conversation.blind("what was answered, or an answer, was not seen; is one direction missing?")
        return n

    def _searching(self, data: memoryview, i: int, n: int, offset: int) -> int:
        """WATCH: bulk data that nobody granted. HUNT: the framing is lost."""
        watching = self._state == WATCH
        end = min(n, i + _SEARCHED, i + self._left) if watching else min(n, i + _SEARCHED)
        piece = bytes(data[i:end])
        self.conversation.statistics.inspected += len(piece)
        found = self._search.feed(piece, self._granted or limits.SENSOR_SKIP.default)
        if found is None:
            if watching:
                self._left -= len(piece)
                if not self._left:
                    self._search.clear()
                    self._next()
            elif self._search.searched > limits.SENSOR_JOIN.default:
                self.conversation.give_up(self.stream)
            return end
        rest, sure = found
        if watching:
            self.conversation.malformed("a PDU header inside bulk data", self.stream.from_client)
        elif sure:
            self.conversation.found()
            self.other.wake()
        self._sure = sure
        self._enter(HEADER)
        begin = end - len(rest)
        if begin >= i:
            return begin
        self._again = rest[: i - begin] + bytes(data[i:n]), offset + begin  # it began in what came before
        return n

    # Moves between states.

    def _watch(self, count: int) -> None:
        """Look at the next `count` bytes for what should not be there, then go on behind this PDU."""
        self._pdu_left = 0
        self._left = count
        self._search.clear()
        self._enter(WATCH if count else HEADER)

    def _next(self) -> None:
        """Go on behind a PDV or PDU."""
        if 0 < self._pdu_left < 6:
            self.conversation.malformed("bytes left over behind the last PDV of a PDU", self.stream.from_client)
            self._watch(self._pdu_left)
        else:
            self._enter(PDV if self._pdu_left else HEADER)

    def _enter(self, state: int) -> None:
        self._clear()
        self._state = state
        self._need = 6

    def _clear(self) -> None:
        self.stream.release(len(self._pending))
        self._pending.clear()

    def _look_at(self, piece: memoryview, offset: int) -> None:
        self.conversation.statistics.inspected += len(piece)
        self.stream.remember(offset, piece)
