"""Finds out what a flow carries from its first bytes, on any port, and hands it to the reader that knows more.

Tolerant on purpose: reserved bytes, AE titles of odd bytes and unknown items do not hide an association. A side that
looks like nothing we know is left alone, while the other side is still judged by its own first bytes.
"""

from __future__ import annotations

from appliance.inspection.conversation import JOINED, P_DATA, Conversation
from appliance.inspection.data_head import looks_executable
from appliance.inspection.flow import Carries, Flow
from appliance.inspection.observations import Blind, Conflict, Malformed, Smuggled
from appliance.inspection.pdu_walk import PduWalk
from appliance.inspection.stream import EVERYTHING, Stream
from appliance.inspection.tls_hello import looks_like_tls
from appliance.inspection.tls_reader import TlsReader
from appliance.inspection.versions import readings, remembered
from appliance.inspection.witness import Witness

_ENOUGH = 78  # bytes: the fixed fields of an A-ASSOCIATE-RQ and its first item's header
_TLS_ALERT = 21
_TEXT = frozenset(range(0x20, 0x7F)) | {0}
_FIRST_ITEMS = frozenset((0x10, 0x20, 0x21, 0x50))


def judge(data: bytes) -> Carries | None:
    """What a stream that begins with `data` carries; None while more bytes are needed (78 always suffice)."""
    kind, size = data[0], len(data)
    if kind == 22:
        return None if size < 6 else Carries.TLS if looks_like_tls(data) else Carries.OTHER
    if kind == _TLS_ALERT:  # a TLS server that ends a connection on which no hello came
        return None if size < 3 else Carries.TLS if data[1] == 3 and data[2] <= 4 else Carries.OTHER
    if not 1 <= kind <= 7:
        return Carries.OTHER
    if size < 10:
        return None
    length = int.from_bytes(data[2:6], "big")
    if kind in (1, 2):
        return _associate(data, length)
    if kind == 4:
        if size < 12:
            return None
        pdv = int.from_bytes(data[6:10], "big")
        likely = 2 <= pdv <= length - 4 and data[10] & 1 and data[11] <= 3 and data[1] == 0 and length < 1 << 28
    elif kind == 3:
        likely = length == 4 and data[7] in (1, 2) and data[8] in (1, 2, 3)
    else:
        likely = length == 4 and data[1] == 0 and data[8] <= 2 and data[9] <= 6
    return Carries.DICOM if likely else Carries.OTHER


def _associate(data: bytes, length: int) -> Carries | None:
    if length < 68:
        return Carries.DICOM if data[1] == 0 and data[6:10] == b"\0\1\0\0" else Carries.OTHER
    if len(data) < _ENOUGH and len(data) < 6 + length:
        return None
    if set(data[10:42]) <= _TEXT and any(data[10:42]) and data[7] & 1:
        return Carries.DICOM
    if len(data) >= _ENOUGH and data[74] in _FIRST_ITEMS and data[75] == 0 and data[7] & 1:
        return Carries.DICOM
    return Carries.OTHER


class Recognise:
    """The first reader of a stream."""

    __slots__ = ("_pending", "_stream", "_witness")

    def __init__(self, stream: Stream, witness: Witness) -> None:
        self._stream = stream
        self._witness = witness
        self._pending = bytearray()

    def feed(self, data: memoryview, offset: int) -> None:
        """See `stream.Reader`."""
        begin = offset - len(self._pending)
        stream, flow = self._stream, self._stream.flow
        verdict = judge(bytes(self._pending + data[:_ENOUGH]))
        if verdict is None:
            self._pending += data
            stream.keep(len(data))
            stream.remember(offset, data)
            return
        stream.release(len(self._pending))
        if self._pending:
            data = memoryview(bytes(self._pending + data))
            self._pending.clear()
        if verdict is Carries.OTHER and not flow.joined and self._witness.expects_dicom(flow):
            self._witness.report(Malformed(flow, stream.from_client, "neither DICOM nor TLS where one is expected"))
            if 1 <= data[0] <= 7:
                verdict = Carries.DICOM
        if verdict is Carries.OTHER and not flow.joined:
            if what := misplaced(data):
                self._witness.report(Smuggled(flow, stream.from_client, what))
            flow.asked = True
            stream.pass_by()
            stream.remember(begin, data[:_ENOUGH])  # in case another version of it comes
            if stream.other.shunt == EVERYTHING:
                flow.carries = Carries.OTHER
            return
        if verdict is Carries.TLS:
            read_tls(flow, self._witness)
        else:
            hunting = verdict is Carries.OTHER
            if hunting:
                self._joined()
            walk_pdus(flow, self._witness, stream, hunting, midst=flow.joined and not hunting and data[0] >= P_DATA)
        stream.reader.feed(data, begin)

    def take(self) -> bytes:
        """The bytes that did not suffice yet; they are the caller's now."""
        kept = bytes(self._pending)
        self._stream.release(len(kept))
        self._pending.clear()
        return kept

    def lost(self, count: int) -> None:
        """See `stream.Reader`."""
        flow = self._stream.flow
        self._stream.release(len(self._pending))
        self._pending.clear()
        if not flow.joined and self._witness.expects_dicom(flow):
            self._blind(flow, "segments were lost at the beginning of a connection")
        elif self._stream.cut:
            self._blind(None, "segments of which the capture kept too little to tell what they carry")
        else:
            self._joined()
        flow.joined = True

    def _joined(self) -> None:
        """Nothing is known of a flow that was joined midway: said where it may be an association."""
        flow = self._stream.flow
        if flow.joined and self._witness.expects_dicom(flow):
            self._blind(flow, JOINED)

    def _blind(self, flow: Flow | None, what: str) -> None:
        self._witness.statistics.blind += 1
        self._witness.report(Blind(flow, what))

    def conflict(self, offset: int) -> None:
        """See `stream.Reader`."""
        flow = self._stream.flow
        if not flow.conflicted:
            flow.conflicted = True
            self._witness.report(Conflict(flow, self._stream.from_client))
        if self._stream.shunt == EVERYTHING:
            self._judge_anew(flow)

    def end(self) -> None:
        """See `stream.Reader`."""

    def forgot(self) -> None:
        """See `stream.Reader`: never of so few bytes."""

    def _judge_anew(self, flow: Flow) -> None:
        """What was taken for nothing of ours may have been an association for its receiver."""
        stream = self._stream
        for reading in readings(0, stream.looked_at.run(0, _ENOUGH), stream.versions[-1:], grows=True):
            if judge(reading) is Carries.DICOM:
                Conversation(flow, self._witness).other_version(reading, stream.from_client)


def misplaced(data: memoryview) -> str:
    """What stands at the beginning of a flow that is neither DICOM nor TLS, and should not; empty for nothing."""
    if bytes(data[128:132]) == b"DICM":
        program = looks_executable(bytes(data[:128]))
        return f"a DICOM file that is {program} too" if program else "a DICOM file"
    return ""


def walk_pdus(flow: Flow, witness: Witness, sure: Stream, hunting: bool, midst: bool) -> None:
    """Give both streams of a flow to walks. `sure` is the stream whose next byte begins a PDU, unless `hunting`.

    `midst`: that PDU belongs to an association whose beginning was not seen.
    """
    conversation = Conversation(flow, witness)
    if midst:
        conversation.found()
    elif not hunting:
        flow.carries = Carries.DICOM
    before = {}
    walks = []
    for stream in (flow.client, flow.server):
        before[stream] = _take(stream)
        midway = hunting or (stream is not sure and stream.shunt == EVERYTHING)
        if stream.shunt == EVERYTHING:
            if (seen := remembered(stream, 0, _ENOUGH)) is not None:  # taken for nothing of ours, and answered
                conversation.other_version(seen, stream.from_client)
            stream.shunt = stream.position
        walk = PduWalk(stream, conversation, midway)
        stream.reader = walk
        walks.append(walk)
    walks[0].other, walks[1].other = walks[1], walks[0]
    for stream, kept in before.items():
        stream.reader.feed(memoryview(kept), stream.position - len(kept))


def read_tls(flow: Flow, witness: Witness) -> None:
    """Give both streams of a flow to readers of hellos."""
    flow.carries = Carries.TLS
    for stream in (flow.client, flow.server):
        before = _take(stream)
        stream.reader = TlsReader(stream, witness, lambda each: Recognise(each, witness))
        if before:
            stream.reader.feed(memoryview(before), stream.position - len(before))


def _take(stream: Stream) -> bytes:
    """What the reader of a stream kept until it knew more."""
    return stream.reader.take() if isinstance(stream.reader, Recognise | TlsReader) else b""
