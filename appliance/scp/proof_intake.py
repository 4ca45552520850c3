"""Takes one N-EVENT-REPORT of a destination: from the command to a durable report in `incoming/`, or to a status.

Success means no more than that the report outlives a power cut; `forward` says what it proves. Of its UIDs only tags
are kept; nothing that it says can do worse than earn a status.
"""

from __future__ import annotations

import time

from appliance.base import limits
from appliance.base.errors import DiskError
from appliance.scp.commitment import refuse
from appliance.scp.ingest import SUCCESS, Refused, StoreContext
from appliance.scp.message import Answered, Message
from appliance.seal.errors import SealError
from appliance.seal.index_key import IndexKey
from appliance.seal.proof_report import ProofReport, tags
from appliance.upper_layer import commitment as words
from appliance.upper_layer.command import CommandSet, response
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


class Reporting:
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
        self._intake = intake
        self._index_key = index_key
        self._command = command
        self._context = context
        self._destination = destination
        self._refused = refused
        self._data = bytearray()
        self._answered: Answered | None = None

    def data(self, fragment: memoryview) -> None:
        if self._answered is None and len(self._data) + len(fragment) > limits.COMMITMENT_REQUEST.default:
            self._refuse(words.RESOURCE_LIMITATION, "Too many instances", "its data set is longer than we take")
        if self._answered:
            self._answered.data(fragment)
        else:
            self._data += fragment

    def finish(self) -> CommandSet:
        if self._answered is None:
            self._keep()
        if self._answered:
            return self._answered.finish()
        return response(self._command, SUCCESS)

    def abandon(self) -> None:
        self._data = bytearray()

    def _keep(self) -> None:
        try:
            transaction_tag, reasons = tags(
                self._index_key, *words.decode_report(bytes(self._data), self._context.transfer_syntax)
            )
            report = ProofReport(
                report_id=self._intake.random(16).hex(),
                received=time.time(),
                destination=self._destination,
                transaction_tag=transaction_tag,
                reasons=tuple((sop_class, tag, reason) for (sop_class, tag), reason in reasons.items()),
            )
            proof_reports.keep(self._intake.incoming, report, self._index_key, self._intake.random)
        except words.ReferencesRefused as error:
            self._refuse(error.status, "Report cannot be used", error.message)
        except DiskError as error:
            self._refuse(words.RESOURCE_LIMITATION, "Out of storage", error.message, error.fix)
        except SealError as error:
            self._refuse(words.PROCESSING_FAILURE, "Processing failure", error.message, error.fix)

    def _refuse(self, status: int, comment: str, reason: str, advice: str = _ADVICE) -> None:
        self._data = bytearray()
        self._answered = refuse(self._command, status, comment, reason, advice, self._refused)
