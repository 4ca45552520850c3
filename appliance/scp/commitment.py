"""Takes one N-ACTION of storage commitment: from the command to a durable request, or to a status that says why not.

Success means no more than that the request outlives a power cut; `forward` decides and reports (PS3.4 J.3). The data
set is bounded, holds UIDs alone, and is kept sealed; nothing that it says can do worse than earn a status.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from appliance.base.errors import DiskError
from appliance.scp.held_message import HeldMessage, refuse
from appliance.scp.ingest import INVALID_INSTANCE, Refused, Sender, StoreContext
from appliance.scp.message import Message
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.index_key import IndexKey
from appliance.upper_layer import commitment as words
from appliance.upper_layer.command import CommandSet
from appliance.vault import commitment_requests
from appliance.vault.intake import Intake
from appliance.vault.space import Space

NO_SUCH_INSTANCE = 0x0112
NO_SUCH_CLASS = 0x0118
NO_SUCH_ACTION = 0x0123

_VENDOR = "Tell the vendor of the device."


class CommitmentIntake:
    """What the N-ACTIONs of a worker share."""

    def __init__(self, intake: Intake, space: Space, index_key: IndexKey) -> None:
        self.intake = intake
        self.space = space
        self.index_key = index_key

    def begin(
        self,
        command: CommandSet,
        context: StoreContext,
        sender: Sender,
        refused: Refused,
        asked: Callable[[str], None] = lambda _: None,
    ) -> Message:
        """Start on an N-ACTION-RQ. One that cannot be served gives a message that drains and answers why.

        `asked` gets the id of the request before it is kept, when nobody can know of it yet.
        """
        objection = self._objection(command)
        if objection:
            return refuse(command, *objection, refused)
        return Requesting(self, command, context, sender, refused, asked)

    def _objection(self, command: CommandSet) -> tuple[int, str, str, str] | None:
        """What speaks against the command alone, as (status, comment, reason, advice)."""
        if command.requested_sop_class != words.STORAGE_COMMITMENT:
            return NO_SUCH_CLASS, "Not the Storage Commitment class", "it asked of another SOP class", _VENDOR
        if command.requested_sop_instance is None:
            return INVALID_INSTANCE, "Requested SOP Instance UID is no UID", "its SOP Instance UID is no UID", _VENDOR
        if command.requested_sop_instance != words.WELL_KNOWN_INSTANCE:
            return NO_SUCH_INSTANCE, "Not the well-known instance", "it asked of another SOP instance", _VENDOR
        if command.action_type != words.REQUEST_COMMITMENT:
            return NO_SUCH_ACTION, "No such action type", "its action type is not 1, a request to commit", _VENDOR
        if not command.data_set_follows:
            return words.INVALID_ARGUMENT, "No data set", "its request has no data set", _VENDOR
        full: DiskError | None
        try:
            full = self.space.objection()
        except DiskError as error:
            full = error
        return (words.RESOURCE_LIMITATION, "Out of storage", full.message, full.fix) if full else None


class Requesting(HeldMessage):
    """An N-ACTION whose data set is being received."""

    def __init__(
        self,
        intake: CommitmentIntake,
        command: CommandSet,
        context: StoreContext,
        sender: Sender,
        refused: Refused,
        asked: Callable[[str], None],
    ) -> None:
        super().__init__(command, refused, "Request cannot be used", _VENDOR)
        self._intake = intake
        self._context = context
        self._sender = sender
        self._asked = asked
        self.instances = 0
        """How many instances the request names; known when it is kept."""

    def keep(self, data_set: bytes) -> None:
        transaction, references = words.decode_request(data_set, self._context.transfer_syntax)
        request = CommitmentRequest(
            request_id=self._intake.intake.random(16).hex(),
            received=time.time(),
            peer=self._sender.peer,
            calling_ae=self._sender.calling_ae,
            called_ae=self._sender.called_ae,
            transaction=transaction,
            references=references,
        )
        self._asked(request.request_id)
        commitment_requests.keep(
            self._intake.intake.incoming, request, self._intake.index_key, self._intake.intake.random
        )
        self.instances = len(references)
