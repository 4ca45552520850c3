"""A segment that a worker writes: small sealed objects one after another in blocks that are on the medium already.

Durable takes one fdatasync that changes no metadata, shared by the threads that wait for it. What was answered for lies
before everything that was written later. Never writes a block twice, and never again after a flush that failed.
"""

from __future__ import annotations

from threading import Lock

from appliance.vault.flusher import Flusher
from appliance.vault.layout import StateLayout
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused
from appliance.vault.segment_record import encode


class Segment:
    """Shared by the threads of a worker. It is over when it is full, when the medium failed it, or by `retire`."""

    def __init__(self, layout: StateLayout, medium: Medium, segment_id: str, descriptor: int) -> None:
        """`descriptor` has the file open and its lock, which tells that it is in use. It is closed here."""
        self.segment_id = segment_id
        self._path = layout.segment(segment_id)
        self._medium = medium
        self._descriptor = descriptor
        self._size = medium.length(descriptor)
        self._flusher = Flusher(self._sync)
        self._lock = Lock()
        self._end = 0
        self._settled = 0  # what lies below it is durable
        self._waiting = 0
        self._failed = self._over = self._closed = False

    @property
    def over(self) -> bool:
        """Whether nothing more is written into it."""
        return self._over

    def append(self, object_id: str, header: bytes, payload: bytes) -> bool:
        """Write a record and return True when it is durable; False, with nothing written, where the segment is over.

        Raises `DiskRefused` where the record may or may not have become durable: at worst a copy too many is adopted.
        """
        record = encode(self.segment_id, object_id, self._settled, header, payload)
        writer = self._write(record)
        if writer is None:
            return False
        try:
            self._flusher.flush()
        finally:
            self._leave(writer)
        return True

    def stands(self) -> bool:
        """Whether its name is still that of the file that we write. Raises `DiskRefused`."""
        with self._lock:
            return self._closed or self._medium.same_file(self._descriptor, self._path)

    def retire(self) -> None:
        """Write nothing more into it, and let go of it when nobody waits for its flush."""
        with self._lock:
            self._over = True
            self._close_if_done()

    def _write(self, record: bytes) -> int | None:
        """Opened anew for each record: a segment that lost its name would be written for nobody. And the closing, when
        the record is durable, is what wakes `forward`."""
        with self._lock:
            if not self._over and self._end + len(record) > self._size:
                self._over = True
            if self._over:
                self._close_if_done()
                return None
            try:
                writer = self._medium.open_to_write(self._path)
            except DiskRefused:
                self._over = True
                self._close_if_done()
                return None
            offset = self._end
            self._end += len(record)
            self._waiting += 1
            try:
                self._medium.write_at(writer, record, offset)
            except BaseException:
                self._over = True  # those who wait for the flush of earlier records still get theirs
                self._let_go(writer)
                raise
            return writer

    def _sync(self) -> None:
        with self._lock:
            if self._failed:
                raise DiskRefused("a segment was given up after the medium had failed it", Condition.BROKEN)
            end = self._end
        try:
            self._medium.sync_data(self._descriptor)
        except BaseException:
            self._over = self._failed = True
            raise
        self._settled = end

    def _leave(self, writer: int) -> None:
        with self._lock:
            self._let_go(writer)

    def _let_go(self, writer: int) -> None:
        self._waiting -= 1
        self._close(writer)
        self._close_if_done()

    def _close_if_done(self) -> None:
        """The last to leave gives the lock up: what follows a segment's end is its reader's."""
        if self._over and not self._waiting and not self._closed:
            self._closed = True
            try:
                self._medium.unlock(self._descriptor)
            except DiskRefused:  # closing does the same
                pass
            self._close(self._descriptor)

    def _close(self, descriptor: int) -> None:
        try:
            self._medium.close(descriptor)
        except DiskRefused:  # what counted was the fdatasync
            pass
