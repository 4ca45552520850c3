"""The destination of kind "dimse": C-STORE on our own engine, over mutual TLS or in cleartext where the entry says so.

Each (SOP class, transfer syntax) is proposed in a context of its own, so that an instance goes as it was stored or not
at all; where the entry says `on_unsupported = "transcode"`, uncompressed ones are proposed beside it, for what is not
accepted as it is.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Collection

from appliance.base import catalogue
from appliance.base.errors import UpstreamError
from appliance.config.destinations import DimseDestination
from appliance.delivery.association import RequestorAssociation
from appliance.delivery.deadlines import Deadlines
from appliance.delivery.outcome import Outcome, Verdict, judge
from appliance.delivery.session import VERIFICATION, Kind
from appliance.delivery.source import Source
from appliance.delivery.transcodable import (
    EXPLICIT,
    IMPLICIT,
    NOT_ACCEPTED,
    NOT_EVEN_UNCOMPRESSED,
    TARGETS,
    NotTranscoded,
    configure,
)
from appliance.delivery.transcoders import Transcoders
from appliance.delivery.transport import connect
from appliance.host import tls
from appliance.host.log import log
from appliance.upper_layer.negotiation import AssociateRequest, AsyncWindow, PresentationContext

MOST_CONTEXTS = 128  # odd ids, 1 to 255
_VERIFICATION_CONTEXT = 255


class DimseSession:
    """One association with a storage SCP."""

    def __init__(
        self,
        association: RequestorAssociation,
        contexts: dict[int, Kind],
        calling_ae: str,
        *,
        verifies: bool = False,
        destination: str = "",
        transcoders: Transcoders | None = None,
    ) -> None:
        """`verifies`: verification was proposed, in a context of its own. With `transcoders`, those of the
        `destination`, what is not accepted as it is may go uncompressed."""
        self._association = association
        self._destination = destination
        self._transcoders = transcoders
        self._verifies = verifies and _VERIFICATION_CONTEXT in association.accepted
        self._ids = {kind: number for number, kind in contexts.items() if number in association.accepted}
        self.proposed: Collection[Kind] = frozenset(contexts.values())
        self.accepted: Collection[Kind] = frozenset(self._ids)
        self.calling_ae = calling_ae

    def store(self, source: Source) -> Outcome:
        """Store one instance of an accepted kind, or of one that can be transcoded, and judge the answer."""
        if self._transcoders and (source.meta.sop_class, source.meta.transfer_syntax) not in self._ids:
            return self._store_transcoded(source, self._transcoders)
        self.send(source)
        return self.answer()[1]

    @property
    def window(self) -> int:
        """How many instances may be out at a time."""
        return self._association.window

    def send(self, source: Source) -> int:
        """Send one instance of an accepted kind; its message id."""
        meta = source.meta
        context_id = self._ids[meta.sop_class, meta.transfer_syntax]
        return self._association.begin_store(context_id, meta.sop_class, meta.sop_instance, source.data_set())

    def answer(self) -> tuple[int, Outcome]:
        """Wait for the next answer, and judge it."""
        message_id, status = self._association.answer()
        return message_id, judge(status)

    def answered(self) -> list[tuple[int, Outcome]]:
        """The answers that came before the association ended, judged."""
        return [(message_id, judge(status)) for message_id, status in self._association.answered()]

    def why_not(self, kind: Kind) -> str:
        """Why an instance of a kind that is not accepted cannot be sent transcoded; "" where it can."""
        if self._transcoders is None:
            return NOT_ACCEPTED
        return self._transcoders.why_not(kind[1]) if self._target(kind[0]) else NOT_EVEN_UNCOMPRESSED

    def _target(self, sop_class: str) -> str | None:
        return next((syntax for syntax in TARGETS if (sop_class, syntax) in self._ids), None)

    def _store_transcoded(self, source: Source, transcoders: Transcoders) -> Outcome:
        meta = source.meta
        target = self._target(meta.sop_class)
        assert target
        context_id = self._ids[meta.sop_class, target]
        try:
            with transcoders.transcoded(source, target) as pieces:
                outcome = judge(self._association.c_store(context_id, meta.sop_class, meta.sop_instance, pieces))
        except NotTranscoded as error:
            verdict = Verdict.TEMPORARY if error.temporary else Verdict.PERMANENT
            if why := transcoders.why_not(meta.transfer_syntax):  # there is no codec, as is known by now
                return Outcome(verdict, why, configure(meta.sop_class, meta.transfer_syntax), ours=True)
            return Outcome(verdict, error.reason, error.advice, ours=True)
        if outcome.verdict is Verdict.DONE:
            log(
                catalogue.TRANSCODED,
                object_id=source.object_id,
                destination=self._destination,
                syntax=meta.transfer_syntax,
                target=target,
            )
        return outcome

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
        if self._transcoders:
            self._transcoders.rest()


class Dimse:
    """Opens associations with one destination."""

    def __init__(self, destination: DimseDestination, deadlines: Deadlines | None = None) -> None:
        self._destination = destination
        self._deadlines = deadlines or Deadlines.within(destination.bandwidth)
        self._transcoders = Transcoders() if destination.on_unsupported == "transcode" else None

    def __call__(self, kinds: Collection[Kind], calling_ae: str) -> DimseSession:
        """Associate as `calling_ae`, proposing `kinds`, of which 128 fit; less where verification is among them, or
        where each brings its SOP class uncompressed with it."""
        verifies = VERIFICATION in kinds
        stored = [kind for kind in kinds if kind != VERIFICATION]
        numbered = {2 * index + 1: kind for index, kind in enumerate(self._fitting(stored, MOST_CONTEXTS - verifies))}
        proposed = numbered | ({_VERIFICATION_CONTEXT: VERIFICATION} if verifies else {})
        request = AssociateRequest(
            called_ae=self._destination.ae_title,
            calling_ae=calling_ae,
            contexts=tuple(
                PresentationContext(number, sop_class, (syntax,)) for number, (sop_class, syntax) in proposed.items()
            ),
            async_window=AsyncWindow(operations, 1) if (operations := self._destination.operations) > 1 else None,
        )
        transport = connect(
            self._destination.address, client_context(self._destination), self._destination.server_name, self._deadlines
        )
        association = RequestorAssociation(transport, request, self._deadlines)
        return DimseSession(
            association,
            numbered,
            calling_ae,
            verifies=verifies,
            destination=self._destination.name,
            transcoders=self._transcoders,
        )

    def _fitting(self, kinds: list[Kind], most: int) -> list[Kind]:
        """What to propose: as many of `kinds` as there is room for, each with what it may be transcoded to. Explicit
        VR is asked for besides Implicit: `receive` has a modality that offers both send what is known to be
        accepted here, and Implicit VR loses the VRs of private elements."""
        proposed: dict[Kind, None] = {}
        for kind in kinds:
            targets = ((kind[0], syntax) for syntax in TARGETS) if self._transcoders else ()
            wanted = proposed | dict.fromkeys((kind, *targets))
            if len(wanted) > most:
                break
            proposed = wanted
        besides = [(sop_class, EXPLICIT) for sop_class, syntax in proposed if syntax == IMPLICIT]
        return list(dict.fromkeys((*proposed, *besides)))[:most]


def client_context(entry: DimseDestination) -> Callable[[], ssl.SSLContext] | None:
    """TLS as the entry says. Read for each association anew, so that a renewed certificate counts from the next one."""
    if entry.tls == "never" or entry.ca is None:
        return None
    ca = entry.ca
    return lambda: tls.client_context(ca, entry.certificate, entry.key)
