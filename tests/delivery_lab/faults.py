"""All faults, in the order of the table."""

from __future__ import annotations

from tests.delivery_lab import answer_faults, commitment_faults, kill_faults, own_faults, storescp_faults, web_faults

ALL = (
    *storescp_faults.FAULTS,
    *answer_faults.FAULTS,
    *web_faults.FAULTS,
    *commitment_faults.FAULTS,
    *own_faults.FAULTS,
    *kill_faults.FAULTS,
)
