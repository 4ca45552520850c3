"""Files on their way in. A part has no name until all of it is on the medium, so nothing half-written is ever seen.

Order, and why: payload, header, fdatasync: the content is durable. linkat: the name exists. fsync of `incoming/`: the
name is durable, and only now may a sender be told. A part that fails anywhere is dropped whole; nothing is tried twice.
A small object goes into a segment instead, where there is one ready (SEGMENT.md).
"""

from __future__ import annotations

from appliance.base import limits
from appliance.base.errors import LocalError
from appliance.vault.declared_mount import DeclaredMount, check_mounted
from appliance.vault.flusher import Flusher
from appliance.vault.layout import StateLayout, checked
from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused
from appliance.vault.segments import Segments

WRITE_BEHIND = 8 << 20
"""Bytes after which the disk is set to work, so that a large instance does not end in one long flush that all wait for:
measured with 419 MB, 0.2 to 0.3 s less in fdatasync and a tenth less in all."""


class Incoming:
    """`incoming/` as `receive` sees it. One per worker process, made after the fork; its threads share flushes."""

    def __init__(
        self,
        layout: StateLayout,
        medium: Medium | None = None,
        segments: Segments | None = None,
        mount: DeclaredMount | None = None,
    ) -> None:
        """Without `segments`, each object gets a file of its own."""
        self.layout = layout
        self.medium = medium or Medium()
        self.segments = segments
        self._mount = mount
        self.flusher = Flusher(lambda: self.medium.sync_directory(layout.incoming))

    def begin(self, header_size: int) -> Part:
        """Start a file whose payload will follow a header of `header_size` bytes. Raises `DiskRefused`."""
        self.check_mount()
        self.stir()
        return Part(self, header_size)

    def check_mount(self) -> None:
        """Raise `DiskRefused` where the file system that should be below is not: nothing may begin there."""
        check_mounted(self._mount)

    def small(self, size: int) -> bool:
        """Whether a sealed object of `size` bytes, given whole to `keep`, may go into a segment."""
        return self.segments is not None and size <= limits.SEGMENT_RECORD.default

    def keep(self, header: bytes, payload: bytes, object_id: str) -> None:
        """Make a small object durable, in a segment if one is ready, else as a file. Returns when it is.

        Raises `DiskRefused`; then nothing is left of it, or at worst a copy too many is adopted: no harm.
        """
        if self.segments and self.segments.append(checked(object_id), header, payload):
            return
        part = self.begin(len(header))
        part.append(payload)
        part.commit(header, object_id)

    def stir(self) -> None:
        """Something is coming in, so this is no time for what can wait."""
        if self.segments:
            self.segments.stir()


class Part:
    """A file that is being written. Belongs to one thread. `commit` or `discard` ends it."""

    def __init__(self, incoming: Incoming, header_size: int) -> None:
        self._incoming = incoming
        self._medium = incoming.medium
        self._header_size = header_size
        self._end = self._begun = header_size
        self._descriptor: int | None = self._medium.create(incoming.layout.incoming)

    def append(self, data: bytes | memoryview) -> None:
        """Write the next bytes of the payload."""
        self._incoming.stir()
        try:
            self._medium.write_at(self._open(), data, self._end)
            self._end += len(data)
            if self._end - self._begun >= WRITE_BEHIND:
                self._medium.start_writing(self._open(), self._begun, self._end - self._begun)
                self._begun = self._end
        except DiskRefused:
            self.discard()
            raise

    def commit(self, header: bytes, object_id: str) -> None:
        """Make the file durable as `incoming/<object_id>.dcm.age`. Returns when it is; whatever fails drops it."""
        try:
            if len(header) != self._header_size:
                raise LocalError(f"a header of {len(header)} bytes was given where {self._header_size} were announced")
            path = self._incoming.layout.incoming_name(object_id)
            self._medium.write_at(self._open(), header, 0)
            self._medium.sync_data(self._open())
            self._medium.link(self._open(), path)
            try:
                self._incoming.flusher.flush()
            except DiskRefused:
                self._take_back(object_id)
                raise
        finally:
            self.discard()

    def discard(self) -> None:
        """Let go of the file; without a name it is gone. Harmless when it is over already."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            try:
                self._medium.close(descriptor)
            except DiskRefused:  # what counted was the fdatasync
                pass

    def _open(self) -> int:
        if self._descriptor is None:
            raise LocalError("a part was used after its end")
        return self._descriptor

    def _take_back(self, object_id: str) -> None:
        """The sender hears of a failure, so the name should go. If it stays, a copy too many is adopted: no harm."""
        try:
            self._medium.unlink(self._incoming.layout.incoming_name(object_id))
        except DiskRefused:
            pass
