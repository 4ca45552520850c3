"""The N-EVENT-REPORT of storage commitment, over an association that we request (PS3.4 J.3.3).

We are the SCP of the class and the requestor of the association, so the SCP role is proposed (PS3.7 D.3.3.4). A peer
that does not answer the proposal is taken to agree, as old devices do; one that says no is not reported to.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.base.errors import UpstreamError
from appliance.config.model import Commitment
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.report_ways import NotTaken
from appliance.delivery.transport import connect
from appliance.host import tls
from appliance.seal.commitment import CommitmentRequest
from appliance.upper_layer.commitment import (
    STORAGE_COMMITMENT,
    TRANSFER_SYNTAXES,
    WELL_KNOWN_INSTANCE,
    encode_report,
    report_taken,
)
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext, RoleSelection

_CONTEXTS = tuple(
    PresentationContext(2 * index + 1, STORAGE_COMMITMENT, (syntax,)) for index, syntax in enumerate(TRANSFER_SYNTAXES)
)


class ReportSession:
    """One association over which reports go. Raises UpstreamError; then only `end` may be called."""

    def __init__(
        self, target: Commitment, client_ca: Path | None, calling_ae: str, deadlines: Deadlines | None = None
    ) -> None:
        """Associate. `calling_ae` is the title under which the peer asked us."""
        deadlines = deadlines or Deadlines()
        request = AssociateRequest(
            called_ae=target.ae_title,
            calling_ae=calling_ae,
            contexts=_CONTEXTS,
            roles=(RoleSelection(STORAGE_COMMITMENT, scu=False, scp=True),),
        )
        transport = connect(target.address, _context(target, client_ca), target.server_name, deadlines)
        self.calling_ae = calling_ae
        self._association = RequestorAssociation(transport, request, deadlines)
        accepted = [context for context in _CONTEXTS if context.context_id in self._association.accepted]
        refused = any(role.sop_class == STORAGE_COMMITMENT and not role.scp for role in self._association.roles)
        if not accepted or refused:
            self.end()
            raise UpstreamError(
                "it does not let us be the SCP of storage commitment" if refused else "it takes no commitment reports",
                fix="Check at the device that it takes reports at this address and AE title.",
            )
        self._context = accepted[0]

    def report(self, request: CommitmentRequest, reasons: Sequence[int]) -> None:
        """Deliver one report. Raises NotTaken where the peer answers a failure; then another may follow."""
        event_type, data_set = encode_report(
            request.transaction, request.references, reasons, self._context.transfer_syntaxes[0]
        )
        status = self._association.n_event_report(
            self._context.context_id, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE, event_type, data_set
        )
        if not report_taken(status):
            raise NotTaken(status)

    def end(self) -> None:
        """Release the association, or close what is left of it. Never raises."""
        if self._association.alive():
            self._association.release()
        else:
            self._association.close()


def _context(target: Commitment, client_ca: Path | None) -> Callable[[], ssl.SSLContext] | None:
    """Read for each association anew, so that a renewed certificate counts from the next one on."""
    ca = target.ca or client_ca
    if target.tls == "never" or ca is None:
        return None
    return lambda: tls.client_context(ca, target.certificate, target.key)
