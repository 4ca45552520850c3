"""A PACS that commits: pynetdicom's SCP of storage and of storage commitment, in this process. It stores what it gets
bit by bit, and reports as a test tells it: over the association that asked, over the next one, or never.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, StoragePresentationContexts, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification

from tests.delivery.upstream import free_port
from tests.delivery.vaults import EXPLICIT, IMPLICIT, J2K

Decide = Callable[[str, str], int]
"""The Failure Reason of an instance, 0 where it is committed, by class and instance UID."""


@dataclass
class Asked:
    """One N-ACTION as it came."""

    transaction: str
    references: list[tuple[str, str]]
    association: Any = field(repr=False)


@dataclass
class CommittingPacs:
    """Start and stop it as often as you like."""

    port: int = field(default_factory=free_port)
    context: ssl.SSLContext | None = None
    how: str = "same"
    """same | next | never: over which association it reports."""
    action_status: int = 0x0000
    offers: bool = True
    decide: Decide | None = None
    """None: it commits to what it has, 0x0112 for the rest."""
    stored: dict[str, bytes] = field(default_factory=dict)
    stores: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the N-EVENT-REPORT-RSPs that it got."""
    owed: list[Asked] = field(default_factory=list)
    _server: Any = None

    def start(self) -> CommittingPacs:
        ae = AE("PACS")
        for context in StoragePresentationContexts:
            ae.add_supported_context(context.abstract_syntax, [EXPLICIT, IMPLICIT, J2K])
        ae.add_supported_context(Verification)
        if self.offers:
            ae.add_supported_context(StorageCommitmentPushModel)
        self._server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=[
                (evt.EVT_C_STORE, self._store),
                (evt.EVT_N_ACTION, self._action),
                (evt.EVT_ESTABLISHED, self._established),
            ],
            ssl_context=self.context,
        )
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server = None

    def __enter__(self) -> CommittingPacs:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def report(
        self, asked: Asked, association: Any = None, *, decide: Decide | None = None, transaction: str = ""
    ) -> None:
        """Report on a request over an association, at once; the status goes to `answers`."""
        judge = decide or self.decide or (lambda _, instance: 0 if instance in self.stored else 0x0112)
        said = Dataset()
        said.TransactionUID = transaction or asked.transaction
        committed, failed = [], []
        for sop_class, instance in asked.references:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
            if reason := judge(sop_class, instance):
                item.FailureReason = reason
                failed.append(item)
            else:
                committed.append(item)
        if committed:
            said.ReferencedSOPSequence = committed
        if failed:
            said.FailedSOPSequence = failed
        status, _ = (association or asked.association).send_n_event_report(
            said, 2 if failed else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        self.answers.append(status.get("Status", -1))

    def _store(self, event: Any) -> int:
        instance = event.request.AffectedSOPInstanceUID
        self.stores.append(instance)
        self.stored[instance] = event.request.DataSet.getvalue()
        return 0x0000

    def _action(self, event: Any) -> tuple[int, None]:
        said = event.action_information
        references = [
            (each.ReferencedSOPClassUID, each.ReferencedSOPInstanceUID) for each in said.ReferencedSOPSequence
        ]
        asked = Asked(said.TransactionUID, references, event.assoc)
        self.asked.append(asked)
        if self.action_status == 0x0000:
            self.owed.append(asked)
            if self.how == "same":
                self._later(event.assoc)
        return self.action_status, None

    def _established(self, event: Any) -> None:
        if self.how == "next" and any(
            each.abstract_syntax == StorageCommitmentPushModel for each in event.assoc.accepted_contexts
        ):
            self._later(event.assoc)

    def _later(self, association: Any) -> None:
        """Report what is owed, when the answer to the N-ACTION has gone."""

        owed, self.owed = self.owed, []

        def run() -> None:
            for asked in owed:
                self.report(asked, association)

        timer = threading.Timer(0.1, run)
        timer.daemon = True
        timer.start()
