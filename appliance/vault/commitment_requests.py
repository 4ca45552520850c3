"""Commitment requests as files in `incoming/`: `receive` makes one durable before it answers, `forward` takes it over.

The file is sealed under the index key.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from appliance.base import limits
from appliance.seal import commitment
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.errors import RequestTampered, SealError
from appliance.seal.index_key import IndexKey
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout, request_id_of
from appliance.vault.medium import Medium
from appliance.vault.waiting_files import WaitingFiles, keep_file

_MOST = limits.COMMITMENT_REQUEST.ceiling  # bytes of a file that is looked at


def keep(
    incoming: Incoming,
    request: CommitmentRequest,
    index_key: IndexKey,
    random: Callable[[int], bytes] = os.urandom,
) -> None:
    """Make the request durable as `incoming/<request id>.commit`. Returns when it is. Raises `DiskRefused` or
    `SealError`; then nothing is left of it."""
    sealed = commitment.seal(request, index_key, random(commitment.SALT))
    keep_file(incoming, incoming.layout.incoming_request(request.request_id), sealed)


class WaitingRequests(WaitingFiles):
    """The requests in `incoming/`, from `forward`'s end."""

    def __init__(self, layout: StateLayout, index_key: IndexKey, medium: Medium | None = None) -> None:
        super().__init__(layout, layout.incoming_request, request_id_of, _MOST, medium)
        self._index_key = index_key

    def read(self, request_id: str) -> tuple[CommitmentRequest, bytes]:
        """A request and the sealed bytes of its file. Raises `NotThere`, `DiskRefused` or `SealError`."""
        sealed = self.sealed(request_id)
        request = self.open(sealed)
        if request.request_id != request_id:
            raise RequestTampered("the commitment request's name is not the one in it")
        return request, sealed

    def open(self, sealed: bytes) -> CommitmentRequest:
        """The request in sealed bytes. Raises `SealError`."""
        return commitment.open_request(sealed, self._index_key)


__all__ = ["CommitmentRequest", "SealError", "WaitingRequests", "keep"]
