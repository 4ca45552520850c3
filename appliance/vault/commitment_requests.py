"""Commitment requests as files in `incoming/`: `receive` makes one durable before it answers, `forward` takes it over.

The write path is that of an object: no name before all of it is on the medium. The file is sealed under the index key.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from appliance.base import limits
from appliance.seal import commitment
from appliance.seal.commitment import CommitmentRequest
from appliance.seal.errors import RequestMalformed, RequestTampered, SealError
from appliance.seal.index_key import IndexKey
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout, request_id_of
from appliance.vault.medium import Medium
from appliance.vault.objects import move_aside
from appliance.vault.refusals import DiskRefused, NotThere, refused

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
    medium = incoming.medium
    path = incoming.layout.incoming_request(request.request_id)
    descriptor = medium.create(incoming.layout.incoming)
    try:
        medium.write_at(descriptor, sealed, 0)
        medium.sync_data(descriptor)
        medium.link(descriptor, path)
        try:
            incoming.flusher.flush()
        except DiskRefused:
            try:
                medium.unlink(path)
            except DiskRefused:  # then a request too many is reported on: no harm
                pass
            raise
    finally:
        try:
            medium.close(descriptor)
        except DiskRefused:  # what counted was the fdatasync
            pass


class WaitingRequests:
    """The requests in `incoming/`, from `forward`'s end. Keeps no state."""

    def __init__(self, layout: StateLayout, index_key: IndexKey, medium: Medium | None = None) -> None:
        self._layout = layout
        self._index_key = index_key
        self._medium = medium or Medium()

    def ids(self) -> list[str]:
        """Those that wait, in no order."""
        names = self._medium.names(self._layout.incoming)
        return [request_id for name in names if (request_id := request_id_of(name))]

    def read(self, request_id: str) -> tuple[CommitmentRequest, bytes]:
        """A request and the sealed bytes of its file. Raises `NotThere`, `DiskRefused` or `SealError`."""
        with self._medium.open(self._layout.incoming_request(request_id)) as file:
            try:
                sealed = file.read(_MOST + 1)
            except OSError as error:
                raise refused("read a commitment request", error) from error
        if len(sealed) > _MOST:
            raise RequestMalformed("the commitment request is longer than any that is written")
        request = self.open(sealed)
        if request.request_id != request_id:
            raise RequestTampered("the commitment request's name is not the one in it")
        return request, sealed

    def open(self, sealed: bytes) -> CommitmentRequest:
        """The request in sealed bytes. Raises `SealError`."""
        return commitment.open_request(sealed, self._index_key)

    def leave(self, request_id: str) -> None:
        """Drop the file of a request that is entered. Not flushed: one that comes back is recognised by its id."""
        try:
            self._medium.unlink(self._layout.incoming_request(request_id))
        except NotThere:
            pass

    def settle(self) -> None:
        """Make it durable that files have left."""
        self._medium.sync_directory(self._layout.incoming)

    def set_aside(self, request_id: str) -> None:
        """Move a file that cannot be used to `quarantine/`. Never raises `NotThere`."""
        try:
            move_aside(self._medium, self._layout, self._layout.incoming_request(request_id))
        except NotThere:
            pass


__all__ = ["CommitmentRequest", "SealError", "WaitingRequests", "keep"]
