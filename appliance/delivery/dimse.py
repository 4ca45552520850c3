"""The destination of kind "dimse": C-STORE on our own engine, over mutual TLS or in cleartext where the entry says so.

Each (SOP class, transfer syntax) is proposed in a context of its own, so that an instance goes as it was stored or not
at all; nothing is converted here.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection

from appliance.base.errors import UpstreamError
from appliance.config.destinations import DimseDestination
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.outcome import Outcome, judge
from appliance.delivery.session import VERIFICATION, Kind
from appliance.delivery.source import Source
from appliance.delivery.transport import connect
from appliance.host import tls
from appliance.upper_layer.negotiation import AssociateRequest, PresentationContext

MOST_CONTEXTS = 128  # odd ids, 1 to 255
_VERIFICATION_CONTEXT = 255


class DimseSession:
    """One association with a storage SCP."""

    def __init__(
        self, association: RequestorAssociation, contexts: dict[int, Kind], calling_ae: str, *, verifies: bool = False
    ) -> None:
        """`verifies`: verification was proposed, in a context of its own."""
        self._association = association
        self._verifies = verifies and _VERIFICATION_CONTEXT in association.accepted
        self._ids = {kind: number for number, kind in contexts.items() if number in association.accepted}
        self.proposed: Collection[Kind] = frozenset(contexts.values())
        self.accepted: Collection[Kind] = frozenset(self._ids)
        self.calling_ae = calling_ae

    def store(self, source: Source) -> Outcome:
        """Store one instance of an accepted kind, and judge the answer."""
        meta = source.meta
        context_id = self._ids[meta.sop_class, meta.transfer_syntax]
        return judge(self._association.c_store(context_id, meta.sop_class, meta.sop_instance, source.data_set()))

    def verify(self) -> None:
        """C-ECHO, where it was proposed and is accepted."""
        if self._verifies and (status := self._association.c_echo(_VERIFICATION_CONTEXT)):
            raise UpstreamError(f"it answered C-ECHO with {judge(status).reason}", fix="Look at its log.")

    def alive(self) -> bool:
        """Whether the association still stands."""
        return self._association.alive()

    def end(self) -> None:
        """Release the association, or close what is left of it."""
        if self._association.alive():
            self._association.release()
        else:
            self._association.close()


class Dimse:
    """Opens associations with one destination."""

    def __init__(self, destination: DimseDestination, deadlines: Deadlines | None = None) -> None:
        self._destination = destination
        self._deadlines = deadlines or Deadlines.within(destination.bandwidth)

    def __call__(self, kinds: Collection[Kind], calling_ae: str) -> DimseSession:
        """Associate as `calling_ae`, proposing `kinds`, of which 128 fit; one less where verification is among them."""
        verifies = VERIFICATION in kinds
        stored = [kind for kind in kinds if kind != VERIFICATION]
        numbered = {2 * index + 1: kind for index, kind in enumerate(stored[: MOST_CONTEXTS - verifies])}
        proposed = numbered | ({_VERIFICATION_CONTEXT: VERIFICATION} if verifies else {})
        request = AssociateRequest(
            called_ae=self._destination.ae_title,
            calling_ae=calling_ae,
            contexts=tuple(
                PresentationContext(number, sop_class, (syntax,)) for number, (sop_class, syntax) in proposed.items()
            ),
        )
        transport = connect(
            self._destination.address, client_context(self._destination), self._destination.server_name, self._deadlines
        )
        association = RequestorAssociation(transport, request, self._deadlines)
        return DimseSession(association, numbered, calling_ae, verifies=verifies)


def client_context(entry: DimseDestination) -> Callable[[], ssl.SSLContext] | None:
    """TLS as the entry says. Read for each association anew, so that a renewed certificate counts from the next one."""
    if entry.tls == "never" or entry.ca is None:
        return None
    ca = entry.ca
    return lambda: tls.client_context(ca, entry.certificate, entry.key)
