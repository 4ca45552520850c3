"""One association over which a destination is asked to commit to what it stored (PS3.4 J.3.2), and may report on it.

We are the SCU of Storage Commitment and the requestor, which are the roles that nobody has to negotiate. Owns no
request: what a report says goes to whoever asked to hear it, and its answer waits until he has it durably.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from appliance.base.errors import ApplianceError, UpstreamError
from appliance.config.destinations import DimseDestination
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.dimse import client_context
from appliance.delivery.transport import connect
from appliance.upper_layer import commitment as words
from appliance.upper_layer.command import CommandSet
from appliance.upper_layer.commitment import STORAGE_COMMITMENT, TRANSFER_SYNTAXES, Reference, ReferencesRefused
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext

Take = Callable[[str, Mapping[Reference, int]], None]
"""Gets the Transaction UID of a report and the Failure Reason, or 0, of each instance. Returns when that is durable."""

_CONTEXTS = tuple(
    PresentationContext(2 * index + 1, STORAGE_COMMITMENT, (syntax,)) for index, syntax in enumerate(TRANSFER_SYNTAXES)
)
_SUCCESS = 0x0000


class NotOffered(UpstreamError):
    """The destination takes no request for commitment at all."""


class ProofSession:
    """An open association. One thread; `cut` is for any. Raises UpstreamError; then only `end` may be called."""

    def __init__(
        self, destination: DimseDestination, calling_ae: str, take: Take, deadlines: Deadlines | None = None
    ) -> None:
        """Associate as `calling_ae`. Raises `NotOffered` where the destination knows no storage commitment."""
        deadlines = deadlines or Deadlines()
        self._take = take
        request = AssociateRequest(called_ae=destination.ae_title, calling_ae=calling_ae, contexts=_CONTEXTS)
        transport = connect(destination.address, client_context(destination), destination.server_name, deadlines)
        self._association = RequestorAssociation(transport, request, deadlines, self._on_report)
        accepted = [context for context in _CONTEXTS if context.context_id in self._association.accepted]
        if not accepted:
            self._association.release()
            raise NotOffered(
                "it does not offer storage commitment, so nothing that it stores is proven",
                fix='Have storage commitment enabled there for this AE title; or set proof = "status" for this '
                "[[destination]].",
            )
        self._syntaxes = {context.context_id: context.transfer_syntaxes[0] for context in accepted}
        self._context_id = accepted[0].context_id

    @property
    def usable(self) -> bool:
        """Whether another request may go over it."""
        return self._association.usable

    def ask(self, transaction: str, references: Sequence[Reference]) -> int:
        """Ask it to commit to instances; the status of its N-ACTION-RSP. Reports may be taken meanwhile."""
        return self._association.n_action(
            self._context_id,
            STORAGE_COMMITMENT,
            words.WELL_KNOWN_INSTANCE,
            words.REQUEST_COMMITMENT,
            words.encode_request(transaction, references, self._syntaxes[self._context_id]),
        )

    def listen(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Take reports for so long, or until it is `enough`."""
        self._association.listen(seconds, enough)

    def cut(self) -> None:
        """End what waits; from any thread."""
        self._association.cut()

    def end(self) -> None:
        """Release the association, or close what is left of it. Never raises."""
        if self._association.usable:
            self._association.release()
        else:
            self._association.close()

    def _on_report(self, context_id: int, command: CommandSet, data_set: bytes) -> int:
        if objection := words.report_objection(command):
            return objection
        try:
            self._take(*words.decode_report(data_set, self._syntaxes[context_id]))
        except ReferencesRefused as error:
            return error.status
        except ApplianceError:
            return words.PROCESSING_FAILURE  # it is not durable; a peer that reports again does us a favour
        return _SUCCESS
