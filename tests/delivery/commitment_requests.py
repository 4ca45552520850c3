"""Commitment requests of a modality, as they are in the ledger: sealed under one key."""

from __future__ import annotations

import os

from appliance.host.report_channel import Here
from appliance.seal import commitment as sealed_form
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.index_key import IndexKey
from appliance.vault.commitments import Pending

KEY = IndexKey(bytes(range(32)))
HERE = Here("CT", "CT1", "PACS")
CT = "1.2.840.10008.5.1.4.1.1.2"


def request(number: int = 1, peer: str = "CT", calling_ae: str = "CT1", called_ae: str = "PACS") -> CommitmentRequest:
    return CommitmentRequest(f"{number:032x}", 1.0, peer, calling_ae, called_ae, f"1.2.{number}", ((CT, "1.2.3"),))


def pending(of: CommitmentRequest) -> Pending:
    return Pending(of.request_id, of.peer, 1.0, 1.0, 0, sealed_form.seal(of, KEY, os.urandom(32)), (0,))
