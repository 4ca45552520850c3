"""All TCP connections that the sensor knows, bounded: so many flows, so many handshakes, so many bytes kept.

A SYN costs one small entry until data comes, so a flood of them pushes out older SYNs and no association. Where room is
needed the flow goes that was silent longest; whoever is pushed out is counted. Times are those of packets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from appliance.base import limits
from appliance.inspection.flow import DICOM_PORTS, Carries, Flow, reverse
from appliance.inspection.memory import Memory
from appliance.inspection.stream import EVERYTHING, FARTHEST, Stream

_SEQ = 0xFFFFFFFF
_WINDOW = 1 << 24
_NOTHING = (Carries.UNKNOWN, Carries.OTHER)
_LOOKS = 256  # flows looked at in one sweep
_HELD = 16  # segments out of order that cost as much as a flow
_FORGEABLE = -1  # acknowledges nothing


class _Opening(NamedTuple):
    """A SYN or SYN-ACK: the number of the byte behind it, and what it acknowledges. Its sender may have `refused` to
    know of it later, and `doubt` is left where it said something else as well. `stack` is what its TCP/IP stack showed
    of itself.
    """

    seq: int
    when: float
    answers: bool
    ack: int
    refused: bool = False
    doubt: bool = False
    left: bool = False  # one of the two closed the connection, without having said anything
    stack: bytes = b""

    def fits(self, other: _Opening | None) -> bool:
        """Whether one is the answer to the other."""
        if other is None or self.answers == other.answers:
            return False
        return self.ack == other.seq if self.answers else other.ack == self.seq


class FlowTable:
    """`streams` finds a direction by its key (`frames.Segment.key`); the engine's fast path reads it."""

    def __init__(
        self, attach: Callable[[Stream], None], memory: Memory, ended: Callable[[Flow], None] = lambda flow: None
    ) -> None:
        self.streams: dict[bytes, Stream] = {}
        self._attach = attach  # gives a new stream its first reader
        self._memory = memory
        self._ended = ended  # told of each flow that counted as an open association
        self._flows: OrderedDict[bytes, Flow] = OrderedDict()
        self._openings: OrderedDict[bytes, _Opening] = OrderedDict()
        self.doubtful = False  # whether the flow that was reopened last may have gone on
        self.evicted: list[Flow] = []  # for the engine to take
        self.slow: list[Flow] = []  # likewise: connections on which no whole request came in time
        self.silent: list[tuple[bytes, bool]] = []  # likewise: SYN-ACKs behind which nothing came, or only the end

    def __len__(self) -> int:
        return len(self._flows)

    @property
    def openings(self) -> int:
        """Handshakes that have not led to data."""
        return len(self._openings)

    def syn(self, key: bytes, seq: int, now: float, answers: bool, ack: int = _FORGEABLE, stack: bytes = b"") -> None:
        """A SYN, or with `answers` a SYN-ACK. A flow that used the key before stays until the new one has data.

        `ack` is what a SYN-ACK acknowledges; _FORGEABLE where it came in a way that proves nothing.
        """
        stream = self.streams.get(key)
        if stream is not None and not stream.opened and self._late(stream, (seq + 1) & _SEQ, answers, ack):
            return
        back = reverse(key)
        before, other = self._openings.pop(key, None), self._openings.get(back)
        made = _Opening((seq + 1) & _SEQ, now, answers, ack, stack=stack)
        if before and answers and before.answers and (before.seq != made.seq or _FORGEABLE != ack != before.ack):
            made = made._replace(ack=_FORGEABLE, doubt=before.fits(other))  # two to one SYN: one of them is forged
        elif before and before.seq != made.seq:
            if answers == before.answers:
                made = made._replace(doubt=before.fits(other))  # until that SYN is answered too
            else:  # nobody both calls and answers; what fits the other side stays
                made = (before if before.fits(other) else made)._replace(when=now, doubt=True)
        elif before:
            made = made._replace(stack=before.stack)  # one that is repeated may have fewer options
        if answers and other and other.doubt and other.seq == ack:
            self._openings[back] = other._replace(doubt=False)
        self._openings[key] = made
        if len(self._openings) > limits.SENSOR_OPENINGS.default:
            self._openings.popitem(last=False)

    @staticmethod
    def _late(stream: Stream, begins: int, answers: bool, ack: int) -> bool:
        """Whether a SYN or SYN-ACK belongs to the connection that is known: data of it overtook it, or came in the SYN
        (RFC 7413), so that where the other side's stream begins is known only now.
        """
        client = stream.other
        unsaid = not stream.position and not stream.held and client.ack < 0
        if answers and unsaid and (ack - client.initial) & _SEQ <= client.position:
            stream.initial = begins
        stream.opened = stream.initial == begins
        return stream.opened

    def refused(self, key: bytes) -> None:
        """The sender of a SYN or SYN-ACK said that it knows nothing of the connection, or somebody in its name."""
        if (opening := self._openings.get(key)) is not None:
            self._openings[key] = opening._replace(refused=True)

    def left(self, key: bytes, seq: int) -> None:
        """A FIN or RST without data came, of a connection on which nothing was said yet."""
        mine, back = self._openings.get(key), reverse(key)
        if mine is None or mine.seq != seq:
            return
        for each in (key, back):
            if (opening := self._openings.get(each)) is not None and opening.answers:
                self._openings[each] = opening._replace(left=True)

    def begins(self, key: bytes, seq: int) -> bool:
        """Whether a segment without data, of a stream that is known, rather belongs to another on its ports."""
        opening = self._openings.get(key)
        return opening is not None and opening.seq == seq

    def reopened(self, key: bytes, stream: Stream, seq: int, length: int) -> bool:
        """Whether a segment belongs to a new connection with the ports of `stream`'s. If so, the old flow is gone."""
        ahead = (seq - stream.initial - stream.position) & _SEQ
        opening = self._openings.get(key)
        opened = opening is not None and opening.seq == seq and ahead != 0
        # Where nothing is looked at any more, numbers far off are enough: its SYN may have been lost.
        flow = stream.flow
        unsure = flow.carries in _NOTHING and not flow.sure
        near = _WINDOW if stream.shunt == EVERYTHING else FARTHEST
        far = (unsure or near == _WINDOW) and near < ahead < _SEQ - near
        # Bytes from before what was taken for the beginning.
        before = unsure and length > 1 and stream.precedes(seq)
        # Nothing is known of what came first, so the same bytes may be others.
        again = unsure and flow.joined and 0 < (-ahead & _SEQ) <= stream.position and (length, -ahead & _SEQ) != (1, 1)
        if not (opened or far or before or again):
            return False
        if opened:  # nobody answered that SYN, as far as we saw: the old connection may go on
            self.doubtful = opening is not None and not opening.fits(self._openings.get(reverse(key)))
        else:
            self.doubtful = unsure and not again and (not flow.joined or stream.stored > 0)
        self._conclude(flow, stream.last)
        self.remove(flow)
        return True

    def open(
        self, key: bytes, seq: int, length: int, ack: int | None, now: float, macs: bytes, vlans: tuple[int, ...]
    ) -> Stream | None:
        """Make the flow to which the first segment with data, sent with `key`, belongs. Gives the sender's stream; None
        for a segment that the server, as it acknowledged the opening, will not take.
        """
        back = reverse(key)
        mine, theirs = self._openings.get(key), self._openings.get(back)
        called = _seems_server(key)
        if mine or theirs:
            called = bool(mine and mine.answers) or bool(theirs and not theirs.answers)
        begins, sure = mine.seq if mine else seq, False
        if theirs and theirs.answers and theirs.ack != _FORGEABLE and not called:
            sure = mine is not None and theirs.ack == mine.seq
            if _belongs(seq, length, theirs.ack):
                begins = theirs.ack  # a SYN that came later may be forged
            elif not sure:
                self.doubtful = True  # its server answered another SYN
        belongs = _belongs(seq, length, begins)
        if sure and not belongs:
            self.doubtful = False
            return None
        self.doubtful |= bool((mine and mine.doubt) or (theirs and theirs.doubt))
        for each in (key, back):
            self._openings.pop(each, None)
        joined = mine is None or not belongs
        flow = Flow(back if called else key, now, joined, macs[6:12] + macs[0:6] if called else macs, vlans)
        if mine and theirs and theirs.answers and not called:
            flow.proven = theirs.ack == mine.seq and ack == theirs.seq and not mine.refused
        flow.sure = sure
        caller = theirs if called else mine
        if caller and not caller.answers and not caller.doubt:
            flow.stack = caller.stack
        sender = Stream(flow, seq if joined else begins, not called, self._memory, now)
        initial = theirs.seq if theirs else (ack if ack is not None else 0)
        if theirs is None and mine and mine.answers and mine.ack != _FORGEABLE:
            initial = mine.ack  # the SYN will reach us late; its sender may have said something already
        other = Stream(flow, initial, called, self._memory, now)
        sender.other, other.other = other, sender
        sender.opened, other.opened = mine is not None, theirs is not None
        if theirs and theirs.answers:
            other.ack = theirs.ack
        flow.client, flow.server = (other, sender) if called else (sender, other)
        for stream in (sender, other):
            self._attach(stream)
        while len(self._flows) >= limits.SENSOR_FLOWS.default:
            self._evict()
        self._flows[flow.key] = flow
        self.streams[key] = sender
        self.streams[back] = other
        return sender

    def remove(self, flow: Flow) -> None:
        """Forget a flow, once or again."""
        if not hasattr(flow.client, "reader"):
            return
        if flow.associated:
            flow.associated = False
            self._ended(flow)
        for key in (flow.key, reverse(flow.key)):
            self._flows.pop(key, None)
            stream = self.streams.get(key)
            if stream is not None and stream.flow is flow:
                del self.streams[key]
        for stream in (flow.client, flow.server):
            stream.end()
            del stream.other, stream.reader, stream.flow  # no cycles left behind: nothing waits for a collection

    def settle(self, now: float) -> None:
        """Nothing more will come in any flow: give up every hole."""
        for flow in list(self._flows.values()):
            self._conclude(flow, now)

    @staticmethod
    def _conclude(flow: Flow, now: float) -> None:
        """Nothing more will come in a flow: what is missing stays missing."""
        flow.client.settle(now, over=True)
        flow.server.settle(now, over=True)

    def relieve(self) -> None:
        """Make room when flows keep more bytes than all may together."""
        looks = 0
        while self._memory.used > self._memory.limit and looks < _LOOKS and self._flows:
            looks += 1
            key, flow = self._flows.popitem(last=False)
            self._flows[key] = flow
            if flow.stored:
                self._give_up(flow)

    def sweep(self, now: float) -> None:
        """Forget what is over. Called about once a second; looks at a bounded number of flows each time."""
        old = now - limits.SENSOR_OPENING_WAIT.default
        for _ in range(min(_LOOKS << 3, len(self._openings))):
            if next(iter(self._openings.values())).when >= old:
                break
            key, opening = self._openings.popitem(last=False)
            if opening.answers and not opening.refused:
                self.silent.append((key, not opening.left))
        looks = min(_LOOKS + len(self._flows) // 16, len(self._flows))
        while looks > 0:
            key, flow = next(iter(self._flows.items()))
            self._flows.move_to_end(key)
            looks -= 1 + (len(flow.client.held) + len(flow.server.held)) // _HELD
            limit = limits.SENSOR_FLOW_CLOSED if flow.closing else limits.SENSOR_FLOW_IDLE
            if now - flow.last > limit.default:
                self._conclude(flow, now)
                self.remove(flow)
                continue
            flow.client.settle(now)
            flow.server.settle(now)
            if not flow.asked and now - flow.began > limits.SENSOR_ARTIM.default:
                flow.asked = True
                self.slow.append(flow)

    def _evict(self) -> None:
        """Give up the flow that was silent longest among the first few."""
        candidates = []
        for _ in range(min(8, len(self._flows))):
            key, flow = self._flows.popitem(last=False)
            self._flows[key] = flow
            candidates.append(flow)
        self._give_up(min(candidates, key=_worth))

    def _give_up(self, flow: Flow) -> None:
        self.remove(flow)
        self.evicted.append(flow)


def _belongs(seq: int, length: int, begins: int) -> bool:
    """Whether a first segment is one of a stream that begins with the number `begins`."""
    before = (begins - seq) & _SEQ
    return (seq - begins) & _SEQ < FARTHEST or before < length


def _worth(flow: Flow) -> tuple[bool, bool, float]:
    watched = flow.client.shunt != EVERYTHING or flow.server.shunt != EVERYTHING
    return not flow.closing, watched, flow.last


def _seems_server(key: bytes) -> bool:
    """Whether the sender of a segment of a flow that was joined midway is likely the server."""
    source, target = int.from_bytes(key[-4:-2], "big"), int.from_bytes(key[-2:], "big")
    if (source in DICOM_PORTS) != (target in DICOM_PORTS):
        return source in DICOM_PORTS
    return source < target
