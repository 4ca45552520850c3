"""Answers what the engine hears: association requests by admission, messages by their service, faults by aborting."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from appliance.base import catalogue, limits
from appliance.base.errors import PeerError
from appliance.base.text import wash
from appliance.routing import admission, negotiation
from appliance.routing.sop_classes import STORAGE_COMMITMENT, VERIFICATION
from appliance.scp import proof_intake
from appliance.scp.alerts import ASSOCIATION_REFUSED, DECOY_CALLED, PROTOCOL_BROKEN
from appliance.scp.commitment import Requesting
from appliance.scp.deadlines import Deadline
from appliance.scp.gate import LetIn
from appliance.scp.ingest import SUCCESS, Sender, StoreContext, Storing
from appliance.scp.message import Answered, Message
from appliance.scp.origin import Origin
from appliance.scp.reports import Reports
from appliance.scp.service import Service
from appliance.scp.transport import Transport
from appliance.upper_layer import association as upper
from appliance.upper_layer.command import CommandField, CommandSet, c_echo_rsp, response
from appliance.upper_layer.negotiation import (
    AssociateAccept,
    AssociateRequest,
    AsyncWindow,
    ContextResult,
    RoleSelection,
)

UNRECOGNIZED_OPERATION = 0x0211


class Dispatch:
    """The answers of one connection."""

    def __init__(
        self,
        engine: upper.Association,
        transport: Transport,
        origin: Origin,
        deadline: Deadline,
        service: Service,
    ) -> None:
        self._engine = engine
        self._transport = transport
        self._origin = origin
        self._deadline = deadline
        self._service = service
        self._since = time.monotonic()
        self._calling_ae = "?"
        self._associated = False
        self._entry: LetIn | None = None
        self._sender: Sender | None = None
        self._reports_for: str | None = None
        self._commits = False
        self._contexts: dict[int, StoreContext] = {}
        self.reports: Reports | None = None
        """What waits for commitment reports over this association, where there may be any."""
        self._message: Message | None = None
        self._message_context = 0
        self._stored = 0
        self._refused = 0
        self._how = ""

    @property
    def busy(self) -> bool:
        """Whether a message is being received."""
        return self._message is not None

    def handle(self, event: upper.Event) -> None:
        """Act on one event of the engine."""
        match event:
            case upper.DataFragment(_, data, last):
                self._data(data, last)
            case upper.CommandReceived(context_id, command):
                self._command(context_id, command)
            case upper.AssociationRequested(request):
                self._request(request)
            case upper.ReleaseRequested():
                self._how = "released"
                self._leave()  # before our answer: the peer may be back before this thread ends
                if self._engine.awaiting is upper.Awaiting.RELEASE_RESPONSE:
                    self._send(self._engine.release_reply())
            case upper.Aborted():
                self._how = "aborted by the peer"
                self._leave()
            case upper.PeerFault(reason, reply):
                self._fault(reason, reply)
            case upper.ConnectionClosed():
                self._how = self._how or "closed without release"

    def lost(self, why: str) -> None:
        """The connection broke, or missed the deadline `why`."""
        late = self._deadline.expired
        self._how = f"cut off: {why} took too long" if late else f"lost: {why}"
        self._service.say(
            catalogue.ASSOCIATION_ABORTED,
            self._origin.address,
            calling_ae=self._calling_ae,
            address=self._origin.address,
            reason=self._how,
            advice="Look at the device and the network in between." if late else "",
        )

    def close(self) -> None:
        """The connection is over: what was not finished was never promised."""
        if self._message:
            self._message.abandon()
        if self.reports:
            self.reports.close()
        self._leave()
        if not self._associated:
            return
        self._service.tally.add("associations", -1)
        self._service.say(
            catalogue.ASSOCIATION_ENDED,
            self._origin.number,
            calling_ae=self._calling_ae,
            address=self._origin.address,
            how=self._how or "closed",
            stored=self._stored,
            refused=self._refused,
            seconds=f"{time.monotonic() - self._since:.1f}",
        )

    def _leave(self) -> None:
        """Give back the place of the peer, once."""
        entry, self._entry = self._entry, None
        if entry:
            self._service.gate.leave(entry)

    def _send(self, data: bytes) -> None:
        self._deadline.set("our answer to be taken", time.monotonic() + self._service.config.receive.pdu)
        self._transport.send(data)

    # Association establishment

    def _request(self, request: AssociateRequest) -> None:
        self._calling_ae = wash(request.calling_ae or request.calling_ae_raw, 16)
        decision = self._service.gate.judge(request, self._origin)
        if isinstance(decision, admission.Refused):
            self._reject(request, decision)
            return
        self._entry = decision
        self._accept(request, decision)

    def _reject(self, request: AssociateRequest, refused: admission.Refused) -> None:
        self._how = "refused"
        self._service.tally.add("refused")
        called_ae = wash(request.called_ae or request.called_ae_raw, 16)
        self._service.say(
            catalogue.ASSOCIATION_REFUSED,
            (self._origin.address, self._calling_ae),
            calling_ae=self._calling_ae,
            called_ae=called_ae,
            address=self._origin.address,
            security=self._origin.security,
            reason=refused.why,
            advice=refused.advice,
        )
        sensor = self._service.config.sensor
        decoy = sensor is not None and sensor.decoy_ae is not None and request.called_ae == sensor.decoy_ae
        self._service.alert(
            DECOY_CALLED if decoy else ASSOCIATION_REFUSED,
            self._origin,
            calling_ae=self._calling_ae,
            called_ae=called_ae,
            reason=refused.why,
        )
        self._send(self._engine.reject(refused.result, refused.source, refused.reason))

    def _accept(self, request: AssociateRequest, entry: LetIn) -> None:
        assert request.calling_ae is not None and request.called_ae is not None
        peer = entry.peer
        proposed = [
            negotiation.Proposed(context.context_id, context.abstract_syntax, context.transfer_syntaxes)
            for context in request.contexts
        ]
        accepted = self._service.accepted.read()
        self._reports_for = entry.reports_for
        self._commits = "commit" in peer.services
        answers = negotiation.negotiate(
            self._service.config, peer, request.calling_ae, proposed, accepted, reports=bool(entry.reports_for)
        )
        abstract = {context.context_id: context.abstract_syntax for context in request.contexts}
        self._contexts = {
            answer.context_id: StoreContext(abstract[answer.context_id], answer.transfer_syntax)
            for answer in answers
            if answer.result == negotiation.ACCEPTANCE
        }
        self._sender = Sender(peer.name, request.calling_ae, request.called_ae)
        roles = [role for role in request.roles if role.sop_class == STORAGE_COMMITMENT]
        if self._commits and peer.commitment is None and all(role.scu for role in roles):
            self.reports = self._reports(kept=True)  # it has no address, so whatever is kept for it goes over this
        results = tuple(ContextResult(each.context_id, each.result, each.transfer_syntax) for each in answers)
        accept = AssociateAccept(
            contexts=results,
            roles=_roles(roles, self._commits) if self._reports_for else (),
            async_window=_window(request.async_window),
            identity_response=entry.identity_response,
        )
        self._send(self._engine.accept(accept))
        self._associated = True
        self._service.associated(self._origin.number)
        self._service.tally.add("associations")
        self._service.tally.add("accepted")
        self._service.say(
            catalogue.ASSOCIATION_ACCEPTED,
            self._origin.number,
            calling_ae=self._calling_ae,
            called_ae=request.called_ae,
            peer=peer.name,
            address=self._origin.address,
            security=self._origin.security,
        )

    # Messages

    def _command(self, context_id: int, command: CommandSet) -> None:
        if command.is_response:
            if self.reports and self.reports.answered(context_id, command):
                return
            self._fault("a response to nothing that we asked", self._engine.abort())
            return
        self._message_context = context_id
        self._message = self._begin(context_id, command)
        if self._message and not command.data_set_follows:
            self._finish()

    def _begin(self, context_id: int, command: CommandSet) -> Message | None:
        context = self._contexts[context_id]  # the engine lets no other through
        assert self._sender is not None
        match command.command_field:
            case CommandField.C_ECHO_RQ if context.sop_class == VERIFICATION:
                return Answered(c_echo_rsp(command, SUCCESS))
            case CommandField.N_EVENT_REPORT_RQ if context.sop_class == STORAGE_COMMITMENT and self._reports_for:
                ingest = self._service.ingest
                return proof_intake.begin(
                    ingest.intake, ingest.index_key, command, context, self._reports_for, self._refuse_commitment
                )
            case CommandField.N_ACTION_RQ if context.sop_class == STORAGE_COMMITMENT and self._commits:
                return self._service.commitment.begin(
                    command,
                    context,
                    self._sender,
                    self._refuse_commitment,
                    lambda request_id: self._asked(context_id, request_id),
                )
            case CommandField.C_STORE_RQ if context.sop_class not in (VERIFICATION, STORAGE_COMMITMENT):
                return self._service.ingest.begin(command, context, self._sender, self._refuse)
            case CommandField.C_CANCEL_RQ:
                return None  # C-CANCEL of something that is over: PS3.7 9.3.2.3 has no response
            case _:
                self._refuse(UNRECOGNIZED_OPERATION, "it asked for a service that is not on this context", "")
                return Answered(response(command, UNRECOGNIZED_OPERATION))

    def _data(self, data: memoryview, last: bool) -> None:
        if self._message is None:
            return
        try:
            self._message.data(data)
        except PeerError as error:
            self._fault(error.message, self._engine.abort())
            return
        if last:
            self._finish()

    def _finish(self) -> None:
        message, self._message = self._message, None
        assert message is not None
        self._deadline.set("the disk", math.inf)
        with self._service.tally.step():
            answer = message.finish()
        if isinstance(message, Storing) and answer.status == SUCCESS:
            self._stored += 1
            self._service.tally.add("stored")
            self._service.tally.add("stored_bytes", message.stored_bytes)
        elif isinstance(message, Requesting) and answer.status == SUCCESS:
            self._service.say(
                catalogue.COMMITMENT_ASKED,
                self._origin.number,
                calling_ae=self._calling_ae,
                address=self._origin.address,
                instances=message.instances,
            )
        self._send(self._engine.send_command(self._message_context, answer, False))
        if isinstance(message, Storing):
            self._service.ingest.prepare()  # while the peer thinks

    def _asked(self, context_id: int, request_id: str) -> None:
        """A commitment request is about to be kept: its report may go over this association."""
        self.reports = self.reports or self._reports(kept=False)
        if self.reports:
            self.reports.asked(context_id, request_id)

    def _reports(self, kept: bool) -> Reports | None:
        assert self._sender is not None
        contexts = {
            context_id: context
            for context_id, context in self._contexts.items()
            if context.sop_class == STORAGE_COMMITMENT
        }
        if not contexts:
            return None
        return Reports(
            self._engine, self._transport, self._deadline, self._service, self._sender, contexts, self._send, kept=kept
        )

    def _refuse(self, status: int, reason: str, advice: str) -> None:
        self._refused += 1
        self._service.tally.add("not_stored")
        self._service.say(
            catalogue.STORE_REFUSED,
            (self._origin.address, status),
            status=f"0x{status:04X}",
            calling_ae=self._calling_ae,
            address=self._origin.address,
            reason=reason,
            advice=advice,
        )

    def _refuse_commitment(self, status: int, reason: str, advice: str) -> None:
        self._service.say(
            catalogue.COMMITMENT_REFUSED,
            (self._origin.address, status),
            status=f"0x{status:04X}",
            calling_ae=self._calling_ae,
            address=self._origin.address,
            reason=reason,
            advice=advice,
        )

    def _fault(self, reason: str, reply: bytes) -> None:
        """The peer broke the standard: A-ABORT, and wait for it to close."""
        self._how = f"aborted by us: {reason}"
        self._service.say(
            catalogue.ASSOCIATION_ABORTED,
            self._origin.address,
            calling_ae=self._calling_ae,
            address=self._origin.address,
            reason=reason,
            advice="Tell the vendor of the device, or find out who it is.",
        )
        self._service.alert(PROTOCOL_BROKEN, self._origin, calling_ae=self._calling_ae, reason=reason)
        self._send(reply)


def _window(proposed: AsyncWindow | None) -> AsyncWindow | None:
    """What we allow of what the requestor proposed (PS3.7 D.3.3.3): a few operations of its own, and one of ours."""
    if proposed is None:
        return None
    most = limits.OPERATIONS.default
    return AsyncWindow(invoked=min(proposed.invoked or most, most), performed=1)


def _roles(proposed: Sequence[RoleSelection], commits: bool) -> tuple[RoleSelection, ...]:
    """Which of the roles a destination may have that proposed some for storage commitment (PS3.7 D.3.3.4)."""
    return tuple(replace(role, scu=role.scu and commits) for role in proposed)
