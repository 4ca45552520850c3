"""A parcel: a leased row with its object, opened before its turn comes, so that nobody waits for that.

Owns the open file. What goes wrong with the object is raised when it is asked for, in its turn and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BufferedReader

from appliance.base.errors import ApplianceError
from appliance.delivery.source import Source
from appliance.vault.deliveries import Lease


class Parcel:
    """One of them; used by one thread. Memory: what a `Source` takes."""

    def __init__(
        self, lease: Lease, open_file: Callable[[str], BufferedReader], unseal: Callable[[BufferedReader], Source]
    ) -> None:
        """`open_file` gives the sealed file of an object, `unseal` the instance in it."""
        self.lease = lease
        self._open_file = open_file
        self._unseal = unseal
        self._file: BufferedReader | None = None
        self._source: Source | None = None
        self._error: Exception | None = None

    def prepare(self) -> bool:
        """Open the object, and what is in it; whether that went well."""
        try:
            assert self.source.meta
        except (ApplianceError, OSError) as error:
            self._error = error
        return self._error is None

    @property
    def source(self) -> Source:
        """The instance. Raises what opening it raises."""
        if self._error:
            raise self._error
        if self._source is None:
            self._file = self._open_file(self.lease.object_id)
            self._source = self._unseal(self._file)
        return self._source

    def close(self) -> None:
        """Let go of the file."""
        if self._file:
            self._file.close()
