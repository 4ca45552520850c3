"""A modality that takes the reports of storage commitment: pynetdicom's SCU of the class, in this process."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel

from appliance.config.model import Commitment
from tests.delivery.upstream import free_port


def target(port: int, **more: Any) -> Commitment:
    """`commitment` of a `[[peer]]`, for what listens at this port."""
    return Commitment.model_validate({"address": f"localhost:{port}", "ae_title": "CT_COMMIT", "tls": "never", **more})


@dataclass(frozen=True)
class Report:
    """One N-EVENT-REPORT as it came."""

    event_type: int
    calling_ae: str
    transaction: str
    committed: list[tuple[str, str]]
    failed: list[tuple[str, str, int]]


@dataclass
class Requestor:
    """Listens for reports. Start and stop it as often as you like."""

    port: int = field(default_factory=free_port)
    context: ssl.SSLContext | None = None
    answer: int = 0x0000
    answers: dict[str, int] = field(default_factory=dict)
    """Statuses for single Transaction UIDs; with -1 it aborts instead."""
    scp_role: bool | None = True
    title: str = ""
    """The AE title that has to be called; any without."""
    associations: int = 0
    reports: list[Report] = field(default_factory=list)
    _server: Any = None

    def start(self) -> Requestor:
        ae = AE(self.title or "CT_COMMIT")
        ae.require_called_aet = bool(self.title)
        ae.add_supported_context(
            StorageCommitmentPushModel,
            scu_role=False if self.scp_role is not None else None,
            scp_role=self.scp_role,
        )
        self._server = ae.start_server(
            ("127.0.0.1", self.port),
            block=False,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._take), (evt.EVT_ESTABLISHED, self._count)],
            ssl_context=self.context,
        )
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server = None

    def __enter__(self) -> Requestor:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _count(self, _: Any) -> None:
        self.associations += 1

    def _take(self, event: Any) -> tuple[int, None]:
        said = event.event_information
        self.reports.append(
            Report(
                event.event_type,
                event.assoc.requestor.ae_title,
                said.TransactionUID,
                [
                    (each.ReferencedSOPClassUID, each.ReferencedSOPInstanceUID)
                    for each in said.get("ReferencedSOPSequence", [])
                ],
                [
                    (each.ReferencedSOPClassUID, each.ReferencedSOPInstanceUID, each.FailureReason)
                    for each in said.get("FailedSOPSequence", [])
                ],
            )
        )
        answer = self.answers.get(said.TransactionUID, self.answer)
        if answer < 0:
            event.assoc.abort()
        return max(answer, 0), None
