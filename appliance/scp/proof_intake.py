"""Takes one N-EVENT-REPORT of a destination: from the command to a durable report in `incoming/`, or to a status.

Success means no more than that the report outlives a power cut; `forward` says what it proves. Of its UIDs only tags
are kept; nothing that it says can do worse than earn a status.
"""

from __future__ import annotations

import time

from appliance.scp.held_message import HeldMessage, refuse
from appliance.scp.ingest import Refused, StoreContext
from appliance.scp.message import Message
from appliance.seal.index_key import IndexKey
from appliance.seal.proof_report import ProofReport, tags
from appliance.upper_layer import commitment as words
from appliance.upper_layer.command import CommandSet
from appliance.vault import proof_reports
from appliance.vault.intake import Intake

_ADVICE = "Look at storage commitment of this destination."


def begin(
    intake: Intake,
    index_key: IndexKey,
    command: CommandSet,
    context: StoreContext,
    destination: str,
    refused: Refused,
) -> Message:
    """Start on an N-EVENT-REPORT-RQ. One that cannot be taken gives a message that drains and answers why."""
    if objection := words.report_objection(command):
        return refuse(
            command, objection, "Not a report of commitment", "it is no report of commitment", _ADVICE, refused
        )
    return Reporting(intake, index_key, command, context, destination, refused)


class Reporting(HeldMessage):
    """An N-EVENT-REPORT whose data set is being received."""

    def __init__(
        self,
        intake: Intake,
        index_key: IndexKey,
        command: CommandSet,
        context: StoreContext,
        destination: str,
        refused: Refused,
    ) -> None:
        super().__init__(command, refused, "Report cannot be used", _ADVICE)
        self._intake = intake
        self._index_key = index_key
        self._context = context
        self._destination = destination

    def keep(self, data_set: bytes) -> None:
        said = words.decode_report(data_set, self._context.transfer_syntax)
        transaction_tag, reasons = tags(self._index_key, *said)
        report = ProofReport(
            report_id=self._intake.random(16).hex(),
            received=time.time(),
            destination=self._destination,
            transaction_tag=transaction_tag,
            reasons=tuple((sop_class, tag, reason) for (sop_class, tag), reason in reasons.items()),
        )
        proof_reports.keep(self._intake.incoming, report, self._index_key, self._intake.random)
