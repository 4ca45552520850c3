"""A DICOM association in clear, watched from outside: who may send what now (PS3.8 9.2), and how far to trust it.

Each direction has a walk (`pdu_walk.py`) that finds PDUs; the conversation joins the two. It grants the right to skip
bulk data only when the A-ASSOCIATE-AC was seen, up to the maximum that the receiver announced.
"""

from __future__ import annotations

from enum import Enum

from appliance.base import limits
from appliance.inspection.associate import Associate, parse_associate
from appliance.inspection.command_set import C_FIND, C_STORE, Command
from appliance.inspection.data_head import ENCODINGS, encoding, read_head
from appliance.inspection.flow import Carries, Flow
from appliance.inspection.observations import (
    Aborted,
    AssociationAnswered,
    AssociationRequested,
    Blind,
    CommandSeen,
    Conflict,
    DataSetBegan,
    DicomInClear,
    Malformed,
    ManyMatches,
    OutOfState,
    Oversized,
)
from appliance.inspection.resync import LEAST_ASSOCIATE
from appliance.inspection.stream import EVERYTHING, Stream
from appliance.inspection.witness import Witness

JOINED = "an association was joined midway: who it is was not seen"
_SEQ = 0xFFFFFFFF
_PENDING = frozenset((0xFF00, 0xFF01))
_MOST_VERSIONS = 8  # of one association that are judged
_LONGEST_SHORT = 1024  # bytes; a PDU of fixed length that announces more is not gathered
_LEAST = 10  # bytes; no PDU that is awaited is shorter

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
PDU_NAMES = {
    1: "A-ASSOCIATE-RQ",
    2: "A-ASSOCIATE-AC",
    3: "A-ASSOCIATE-RJ",
    4: "P-DATA-TF",
    5: "A-RELEASE-RQ",
    6: "A-RELEASE-RP",
    7: "A-ABORT",
}


class Trust(Enum):
    """What the state of the association allows a P-DATA-TF."""

    GRANTED = "granted"  # its bulk may be skipped
    WATCHED = "watched"  # walk on, but look at every byte
    WAIT = "wait"  # its sender has acknowledged an answer that we have not read yet


class Conversation:
    """One association. Walks call it, it reports to the rules."""

    __slots__ = (
        "_answer",
        "_ended",
        "_incomplete",
        "_matches",
        "_maximum",
        "_released",
        "_request",
        "_times",
        "_versions",
        "contexts",
        "flow",
        "report",
        "statistics",
        "undisturbed",
    )

    def __init__(self, flow: Flow, witness: Witness) -> None:
        self.flow = flow
        self.report = witness.report
        self.statistics = witness.statistics
        self.undisturbed = False  # the request was seen and accepted, and neither side began to end the association
        self._request: Associate | None = None
        self._maximum: int | None = None  # that the A-ASSOCIATE-AC announced, 0 for none; None before it
        self.contexts: bytes | None = None  # by id: 0 where it was not accepted; None while they are not known
        self._answer = 0  # the PDU type of the answer
        self._incomplete = flow.joined  # a part was not seen that would show the state
        self._released: set[bool] = set()
        self._ended = False
        self._times: dict[str, int] = {}  # how often each departure from the standard was seen
        self._matches = 0  # answers to the query that is under way
        self._versions = 0

    # What walks ask.

    def trust(self, from_client: bool) -> Trust:
        """How far a P-DATA-TF that begins now may be trusted. Reports one that the state forbids."""
        if self.undisturbed:
            return Trust.GRANTED
        if self._answer == ASSOCIATE_AC and self._request and not self._ended:
            if from_client in self._released:
                self._violation(from_client, "P-DATA-TF after the sender's own A-RELEASE-RQ")
            return Trust.GRANTED
        if self._incomplete:
            return Trust.WATCHED
        if self._answer == 0 and self._unread(from_client):
            return Trust.WAIT
        if self._ended:
            self._violation(from_client, "P-DATA-TF after A-ABORT")
        elif self._answer == ASSOCIATE_RJ:
            self._violation(from_client, "P-DATA-TF after A-ASSOCIATE-RJ")
        elif self._answer:
            self._incomplete = True
        else:
            self._violation(from_client, "P-DATA-TF before A-ASSOCIATE-AC")
        return Trust.WATCHED

    def early(self, kind: int, from_client: bool) -> bool:
        """Whether a PDU answers what its sender has, as it says, and what did not reach us yet."""
        if kind in (ASSOCIATE_AC, ASSOCIATE_RJ):
            awaited = self._request is None and not from_client
        else:
            awaited = kind == RELEASE_RP and (not from_client) not in self._released
        return awaited and not self._incomplete and self._unread(from_client)

    def _unread(self, from_client: bool) -> bool:
        """Whether the sender acknowledged bytes of the other side that did not reach us yet."""
        sender = self.flow.client if from_client else self.flow.server
        if sender.ack < 0:
            return False
        ahead = (sender.ack - sender.other.initial - sender.other.position) & _SEQ
        return _LEAST <= ahead < 1 << 31

    def maximum(self, from_client: bool) -> tuple[int, int]:
        """(longest P-DATA-TF that may be skipped, maximum that the receiver announced or 0 for none).

        The first is 0 before the A-ASSOCIATE-AC was seen.
        """
        if self._maximum is None or (self._request is None and not from_client):
            return 0, 0
        announced = self._maximum if from_client or self._request is None else self._request.max_length or 0
        return min(announced or limits.SENSOR_SKIP.default, limits.SENSOR_SKIP.default), announced

    # What walks tell.

    def gathers(self, kind: int, length: int, from_client: bool) -> bool:
        """Whether a PDU other than P-DATA-TF that announces `length` is short enough to be read."""
        associate = kind in (ASSOCIATE_RQ, ASSOCIATE_AC)
        if length > (limits.SENSOR_ASSOCIATE.default if associate else _LONGEST_SHORT):
            self.oversized(kind, length, limits.SENSOR_ASSOCIATE.default if associate else 4, from_client)
            return False
        if length < LEAST_ASSOCIATE if associate else length != 4:
            self.malformed(f"{PDU_NAMES[kind]} of a wrong length", from_client)
        return True

    def walks(self, length: int, limit: int, from_client: bool) -> bool:
        """Whether a P-DATA-TF that announces `length`, where `limit` is allowed, may hold a PDV."""
        if length > limit:
            self.oversized(P_DATA, length, limit, from_client)
        if length < 6:
            self.malformed("P-DATA-TF without a PDV", from_client)
        return length >= 6

    def control(self, pdu: bytes, from_client: bool) -> bool:
        """Take a whole PDU other than P-DATA-TF. Says whether the walks' rights changed."""
        kind = pdu[0]
        if self._ended and kind != ABORT:
            self._violation(from_client, f"{PDU_NAMES[kind]} after A-ABORT")
        if kind == ASSOCIATE_RQ:
            self._requested(parse_associate(pdu), from_client)
        elif kind in (ASSOCIATE_AC, ASSOCIATE_RJ):
            return self._answered(kind, pdu, from_client)
        elif kind == RELEASE_RQ:
            self._released.add(from_client)
            self.undisturbed = False
        elif kind == RELEASE_RP:
            if (not from_client) not in self._released and not self._incomplete:
                self._violation(from_client, "A-RELEASE-RP that nobody asked for")
        else:
            self._ended = True
            self.undisturbed = False
            if len(pdu) >= 10:
                self.report(Aborted(self.flow, from_client, pdu[8], pdu[9]))
        return False

    def other_version(self, pdu: bytes, from_client: bool) -> None:
        """Judge what a receiver may have taken instead of a PDU. It changes nothing in what is awaited."""
        self._versions += 1
        if self._versions > _MOST_VERSIONS or len(pdu) < 10:
            return
        if pdu[0] == ASSOCIATE_RQ and from_client:
            request = parse_associate(pdu)
            self.report(DicomInClear(self.flow, request))
            self.report(AssociationRequested(self.flow, request))
        elif pdu[0] == ASSOCIATE_AC and not from_client:
            self.report(AssociationAnswered(self.flow, parse_associate(pdu)))

    def other_command(self, command: Command, from_client: bool) -> None:
        """As `other_version`, for a command set."""
        self._versions += 1
        if self._versions <= _MOST_VERSIONS:
            self.report(CommandSeen(self.flow, from_client, command, self._request))

    def _requested(self, request: Associate, from_client: bool) -> None:
        if not from_client:
            if self.flow.joined and self._request is None:
                self.flow.swap()
                from_client = True
            else:
                self._violation(from_client, "A-ASSOCIATE-RQ from the side that was called")
        if self._request is not None:
            self._violation(from_client, "a second A-ASSOCIATE-RQ")
        else:
            self._request = request.summary()
        self.flow.asked = True
        self.statistics.associations += 1
        self.report(DicomInClear(self.flow, request))
        self.report(AssociationRequested(self.flow, request))
        for fault in request.faults:
            self.malformed(f"A-ASSOCIATE-RQ: {fault}", True)

    def _answered(self, kind: int, pdu: bytes, from_client: bool) -> bool:
        if from_client:
            if self.flow.joined and self._request is None:
                self.flow.swap()
            else:
                self._violation(from_client, f"{PDU_NAMES[kind]} from the side that called")
                return False
        if self._answer:
            self._violation(False, f"a second answer, {PDU_NAMES[kind]}")
            return False
        self._answer = kind
        if self._request is None:
            self.blind("an association was answered of which the request was not seen")
            self.report(DicomInClear(self.flow, None))
        if kind == ASSOCIATE_RJ:
            self.report(AssociationAnswered(self.flow, None, (pdu[7], pdu[8], pdu[9]), self._request))
            return False
        accept = parse_associate(pdu)
        self._maximum, self.contexts = accept.max_length or 0, _contexts(accept)
        self.undisturbed = self._request is not None and not self._released and not self._ended
        self.report(AssociationAnswered(self.flow, accept, None, self._request))
        for fault in accept.faults:
            self.malformed(f"A-ASSOCIATE-AC: {fault}", False)
        return True

    def command(self, command: Command, from_client: bool) -> None:
        """Take a whole command set."""
        self.statistics.commands += 1
        self.report(CommandSeen(self.flow, from_client, command, self._request))
        if command.command_field == C_FIND | 0x8000:
            self._matches = self._matches + 1 if command.status in _PENDING else 0
            if self._matches and not self._matches % limits.SENSOR_MATCHES.default:
                self.report(ManyMatches(self.flow, self._matches))
        for fault in command.faults:
            self.malformed(f"command set: {fault}", from_client)

    @staticmethod
    def wants_head(command: Command) -> bool:
        """Whether the beginning of the data set behind a command is looked at."""
        return command.data_set and command.command_field in (C_STORE, C_FIND)

    def data_set(self, command: Command, head: bytes, whole: bool, from_client: bool) -> None:
        """Take the beginning of a data set. What is kept of it are facts that name nobody."""
        context = self.contexts[command.context_id] if self.contexts else 0
        facts = read_head(head, ENCODINGS[max(0, context - 1)], whole)
        self.report(DataSetBegan(self.flow, from_client, command, facts, self._request))

    def malformed(self, what: str, from_client: bool) -> None:
        """Bytes that the standard does not allow."""
        if self._tells(what):
            self.report(Malformed(self.flow, from_client, what))

    def oversized(self, pdu_type: int, length: int, limit: int, from_client: bool) -> None:
        """A PDU longer than its receiver takes, or than is ever inspected."""
        if self._tells(f"oversized {pdu_type}"):
            self.report(Oversized(self.flow, from_client, pdu_type, length, limit))

    def conflict(self, from_client: bool) -> None:
        """Bytes came twice and differed."""
        if not self.flow.conflicted:
            self.flow.conflicted = True
            self.report(Conflict(self.flow, from_client))

    def blind(self, what: str) -> None:
        """Something was not seen that was needed: from now on no state is taken for granted."""
        self._incomplete = True
        self.statistics.blind += 1
        self.report(Blind(self.flow, what))

    def forgot(self) -> None:
        """Bytes came again, or may, that nothing is known of: natural where the association was joined midway."""
        if self._request is not None or not self.flow.joined:
            self.blind("what was sent a second time could not be compared with the first")

    def found(self) -> None:
        """A walk found its way, after a loss or in a flow that was joined midway."""
        if self.flow.carries is Carries.UNKNOWN:
            self.flow.carries = Carries.DICOM
            if self._request is None and self._answer == 0:
                self.report(DicomInClear(self.flow, None))
                self.report(Blind(self.flow, JOINED))

    def give_up(self, stream: Stream) -> None:
        """A walk searched a stream in vain. If nothing says that this is DICOM, it is left alone."""
        if self.flow.carries is Carries.UNKNOWN:
            stream.pass_by()
            if stream.other.shunt == EVERYTHING:
                self.flow.carries = Carries.OTHER

    def _violation(self, from_client: bool, what: str) -> None:
        if self._tells(what):
            self.report(OutOfState(self.flow, from_client, what))

    def _tells(self, what: str) -> bool:
        """Whether to tell it this time: ever less often, so that a flood of faults costs little."""
        times = self._times[what] = self._times.get(what, 0) + 1
        return times < 8 or not times & (times - 1)


def _contexts(accept: Associate) -> bytes:
    """Of each presentation context by its id: 0 where it was not accepted, else one more than how its data sets are
    encoded. However many there are, it is one small object for each association.
    """
    table = bytearray(256)
    for each in accept.contexts:
        if each.result == 0:
            table[each.context_id] = 1 + (encoding(each.transfer_syntaxes[0]) if each.transfer_syntaxes else 0)
    return bytes(table)
