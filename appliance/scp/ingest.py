"""Takes one C-STORE: from the command to a durable sealed object, or to a status that says why not (PS3.4 B.2.3).

The data set passes through in fragments: a bounded head is parsed in passing, everything is sealed, nothing is decoded
or changed. 0x0000 is said only after `Intake` says that the object survives a power cut.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from appliance.base.errors import DiskError
from appliance.scp.message import Answered, Message
from appliance.scp.part10 import file_head
from appliance.seal.facts import CAPACITY
from appliance.seal.index_key import IndexKey
from appliance.seal.sealing import RecordFacts
from appliance.upper_layer import study_facts
from appliance.upper_layer.command import CommandSet, c_store_rsp
from appliance.upper_layer.data_head import DataHead, HeadParser
from appliance.vault.intake import Instance, Intake
from appliance.vault.space import Space

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
INVALID_INSTANCE = 0x0117
CLASS_NOT_SUPPORTED = 0x0122


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends on this association."""

    peer: str
    calling_ae: str
    called_ae: str


@dataclass(frozen=True, slots=True)
class StoreContext:
    """The accepted presentation context of a C-STORE."""

    sop_class: str
    transfer_syntax: str


Refused = Callable[[int, str, str], None]  # status, reason, advice: for the log


class Ingest:
    """What the C-STOREs of a worker share: the vault's intake, the space check, the index key, our AE title."""

    def __init__(self, intake: Intake, space: Space, index_key: IndexKey, own_ae: str) -> None:
        self.intake = intake
        self.index_key = index_key
        self.space = space
        self._own_ae = own_ae

    def prepare(self) -> None:
        """Get ready for the next instance, in a moment when nobody waits for us."""
        self.intake.envelopes.prepare()

    def begin(self, command: CommandSet, context: StoreContext, sender: Sender, refused: Refused) -> Message:
        """Start on a C-STORE-RQ. A request that cannot be served gives a message that drains and answers why."""
        objection = self._objection(command, context)
        if objection:
            return refuse(command, *objection, refused)
        instance_uid = command.affected_sop_instance
        assert instance_uid is not None
        head = file_head(
            sop_class=context.sop_class,
            sop_instance=instance_uid,
            transfer_syntax=context.transfer_syntax,
            calling_ae=sender.calling_ae,
            called_ae=sender.called_ae,
            own_ae=self._own_ae,
        )
        try:
            instance = self.intake.begin(head)
        except DiskError as error:
            return refuse(command, OUT_OF_RESOURCES, "Out of storage", str(error), error.fix, refused)
        return Storing(self, command, context, sender, instance_uid, instance, refused)

    def _objection(self, command: CommandSet, context: StoreContext) -> tuple[int, str, str, str] | None:
        """What speaks against the command alone, as (status, comment, reason, advice)."""
        if not command.affected_sop_instance:
            return INVALID_INSTANCE, "Affected SOP Instance UID is no UID", "its SOP Instance UID is no UID", ""
        if command.affected_sop_class != context.sop_class:
            return (
                CLASS_NOT_SUPPORTED,
                "SOP class is not the one of the presentation context",
                "its SOP class is not the one of the presentation context",
                "The device mixes up its contexts; tell its vendor.",
            )
        if not command.data_set_follows:
            return CANNOT_UNDERSTAND, "No data set", "it has no data set", "Tell the vendor of the device."
        full: DiskError | None
        try:
            full = self.space.objection()
        except DiskError as error:
            full = error
        return (OUT_OF_RESOURCES, "Out of storage", full.message, full.fix) if full else None


def refuse(command: CommandSet, status: int, comment: str, reason: str, advice: str, refused: Refused) -> Answered:
    """Log the refusal and make the message that drains and answers it."""
    refused(status, reason, advice)
    return Answered(c_store_rsp(command, status, error_comment=comment))


class Storing:
    """A C-STORE whose data set is being received."""

    def __init__(
        self,
        ingest: Ingest,
        command: CommandSet,
        context: StoreContext,
        sender: Sender,
        instance_uid: str,
        instance: Instance,
        refused: Refused,
    ) -> None:
        self._ingest = ingest
        self._command = command
        self._context = context
        self._sender = sender
        self._instance_uid = instance_uid
        self._instance = instance
        self._refused = refused
        self._head = HeadParser(context.transfer_syntax, study_facts.TAGS)
        self._checked = False
        self._answered: Answered | None = None
        self.stored_bytes = 0

    def data(self, fragment: memoryview) -> None:
        if self._answered:
            self._answered.data(fragment)
            return
        self.stored_bytes += len(fragment)
        if not self._head.done:
            self._head.feed(fragment)
        if self._head.done and not self._checked:
            self._check(self._head.result())
            if self._answered:
                return
        try:
            self._instance.write(fragment)
        except DiskError as error:
            self._out_of_resources(error)

    def finish(self) -> CommandSet:
        if not self._checked and not self._answered:
            self._check(self._head.result())
        if self._answered is None:
            try:
                study = study_facts.encode(self._head.values(), CAPACITY)
                self._instance.commit(self._facts(self._head.result()), study)
            except DiskError as error:
                self._out_of_resources(error)
        if self._answered:
            return self._answered.finish()
        return c_store_rsp(self._command, SUCCESS)

    def abandon(self) -> None:
        if self._answered is None:
            self._instance.discard()

    def _check(self, head: DataHead) -> None:
        """Where the data set contradicts the command it is not stored: 0xA900."""
        self._checked = True
        for said, found, what in (
            (self._context.sop_class, head.sop_class, "SOP Class UID"),
            (self._instance_uid, head.sop_instance, "SOP Instance UID"),
        ):
            if found and found != said:
                self._drop(
                    MISMATCH, f"{what} of command and data set differ", f"its {what} contradicts the command", ""
                )
                return

    def _out_of_resources(self, error: DiskError) -> None:
        self._drop(OUT_OF_RESOURCES, "Out of storage", error.message, error.fix)

    def _drop(self, status: int, comment: str, reason: str, advice: str) -> None:
        self._instance.discard()
        self._answered = refuse(self._command, status, comment, reason, advice, self._refused)

    def _facts(self, head: DataHead) -> RecordFacts:
        key = self._ingest.index_key
        return RecordFacts(
            object_id=self._instance.object_id,
            received=time.time(),
            peer=self._sender.peer,
            calling_ae=self._sender.calling_ae,
            called_ae=self._sender.called_ae,
            sop_class=self._context.sop_class,
            transfer_syntax=self._context.transfer_syntax,
            modality=head.modality or "",
            study_tag=key.tag("study", head.study or ""),
            series_tag=key.tag("series", head.series or ""),
            instance_tag=key.tag("instance", self._instance_uid),
        )
