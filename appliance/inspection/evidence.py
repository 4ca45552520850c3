"""What is kept of a flow that a rule spoke about: its control PDUs, as packets that any dissector reads. Pure.

Nothing but A-ASSOCIATE, A-RELEASE and A-ABORT PDUs comes here, so no data set and no command set can: by what is given
to it, not by what is left out. Frames are made anew around those bytes (addresses, ports and sequence numbers as seen,
checksums computed), so a frame that held bulk data as well brings none of it. A-ASSOCIATE-RQ may hold a user name and a
passcode (PS3.7 D.3.3.7), and AE titles and addresses always.
"""

from __future__ import annotations

from typing import NamedTuple

from appliance.base import limits
from appliance.inspection.evidence_frames import frames
from appliance.inspection.flow import Flow, reverse
from appliance.inspection.observations import ControlPdu


class EvidencePacket(NamedTuple):
    """A frame, when its bytes were seen (seconds since the epoch), and why it is here."""

    when: float
    frame: bytes
    comment: str


class _Kept(NamedTuple):
    when: float
    key: bytes
    macs: bytes
    seq: int
    ack: int
    pdu: bytes


class FlowEvidence:
    """The control PDUs of one flow, and whether a rule spoke about it."""

    __slots__ = ("accused", "kept", "told", "vlans")

    def __init__(self, vlans: tuple[int, ...]) -> None:
        self.vlans = vlans
        self.kept: list[_Kept] = []
        self.accused = False
        self.told = 0  # bytes of PDUs


class Evidence:
    """The packets that wait to be taken, of all flows. Bounded; what does not fit is counted."""

    def __init__(self) -> None:
        self._packets: list[EvidencePacket] = []
        self._bytes = 0
        self.missed = 0

    def keep(self, seen: ControlPdu, now: float) -> None:
        """A control PDU was seen."""
        flow, stream = seen.flow, seen.stream
        mine: FlowEvidence = flow.evidence or FlowEvidence(flow.vlans)
        flow.evidence = mine
        if mine.told + len(seen.pdu) > limits.EVIDENCE_FLOW.default:
            self.missed += 1
            return
        mine.told += len(seen.pdu)
        back = not stream.from_client
        kept = _Kept(
            now,
            reverse(flow.key) if back else flow.key,
            flow.macs[6:12] + flow.macs[:6] if back else flow.macs,
            (stream.initial + seen.offset) & 0xFFFFFFFF,
            max(0, stream.ack),
            seen.pdu,
        )
        if mine.accused:
            self._tell(kept, mine.vlans, "")
        else:
            mine.kept.append(kept)
            stream.keep(len(seen.pdu))  # given back when the flow ends

    def accuse(self, flow: Flow, rule: str, title: str) -> None:
        """A rule spoke about a flow: what was kept of it is evidence, and so is what comes."""
        mine: FlowEvidence = flow.evidence or FlowEvidence(flow.vlans)
        flow.evidence = mine
        if mine.accused:
            return
        mine.accused = True
        kept, mine.kept = mine.kept, []
        for number, each in enumerate(kept):
            self._tell(each, mine.vlans, f"{rule} {title}" if not number else "")

    def _tell(self, kept: _Kept, vlans: tuple[int, ...], comment: str) -> None:
        made = frames(kept.key, kept.macs, vlans, kept.seq, kept.ack, kept.pdu)
        size = sum(map(len, made))
        if self._bytes + size > limits.EVIDENCE_PENDING.default:
            self.missed += 1
            return
        self._bytes += size
        for number, frame in enumerate(made):
            self._packets.append(EvidencePacket(kept.when, frame, comment if not number else ""))

    def take(self) -> list[EvidencePacket]:
        """The packets since the last call."""
        packets, self._packets, self._bytes = self._packets, [], 0
        return packets
