"""Commitment reports of destinations as files in `incoming/`: `receive` makes one durable before it answers the
N-EVENT-REPORT, `forward` takes it over. The file is sealed under the index key, and holds no UID of an instance.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from appliance.base import limits
from appliance.seal import proof_report
from appliance.seal.errors import RequestTampered
from appliance.seal.index_key import IndexKey
from appliance.seal.proof_report import ProofReport
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout, report_id_of
from appliance.vault.medium import Medium
from appliance.vault.waiting_files import WaitingFiles, keep_file

_MOST = limits.COMMITMENT_REQUEST.ceiling  # bytes of a file that is looked at


def keep(
    incoming: Incoming,
    report: ProofReport,
    index_key: IndexKey,
    random: Callable[[int], bytes] = os.urandom,
) -> None:
    """Make the report durable as `incoming/<report id>.report`. Returns when it is. Raises `DiskRefused` or
    `SealError`; then nothing is left of it."""
    sealed = proof_report.seal(report, index_key, random(proof_report.SALT))
    keep_file(incoming, incoming.layout.incoming_report(report.report_id), sealed)


class WaitingReports(WaitingFiles):
    """The reports in `incoming/`, from `forward`'s end."""

    def __init__(self, layout: StateLayout, index_key: IndexKey, medium: Medium | None = None) -> None:
        super().__init__(layout, layout.incoming_report, report_id_of, _MOST, medium)
        self._index_key = index_key

    def read(self, report_id: str) -> ProofReport:
        """A report. Raises `NotThere`, `DiskRefused` or `SealError`."""
        report = proof_report.open_report(self.sealed(report_id), self._index_key)
        if report.report_id != report_id:
            raise RequestTampered("the commitment report's name is not the one in it")
        return report
