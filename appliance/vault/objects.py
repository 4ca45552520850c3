"""The object files, as `forward` sees them. Moves and removes names in an order that no power cut can turn into a loss.

Knows nothing of the ledger, and of what the files hold only how segments are made up. An object that waits in a segment
gets a file of its own here. What cannot be used is moved aside, never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BufferedIOBase, BufferedReader
from pathlib import Path

from appliance.base import limits
from appliance.vault.layout import PRIVATE, StateLayout, free_segment_id_of, object_id_of
from appliance.vault.medium import Medium
from appliance.vault.refusals import AlreadyThere, Condition, DiskRefused, NotThere, refused
from appliance.vault.segment_copy import SegmentCopy
from appliance.vault.waiting_segments import WaitingSegments


class Objects:
    """`objects/`, `quarantine/`, and `incoming/` from its far end. Thread-safe; of itself it keeps no state."""

    def __init__(self, layout: StateLayout, medium: Medium | None = None) -> None:
        self.layout = layout
        self.medium = medium or Medium()
        self.segments = WaitingSegments(layout, self.medium)

    def prepare(self) -> None:
        """Make the 256 directories of `objects/` that are missing, so that no adoption has to. All are durable then:
        also those that an earlier start made that was killed before this flush."""
        for directory in self.layout.fan():
            self.medium.make_directory(directory, PRIVATE)
        self.medium.sync_directory(self.layout.objects)

    def waiting(self) -> list[str]:
        """The ids of the objects in `incoming/`, as files and in segments, in no order. Other names are left alone."""
        names = self.medium.names(self.layout.incoming)
        return _ids(names) + self.segments.look(names)

    def stored(self, directory: Path) -> list[str]:
        """The ids of the objects in one of the 256 directories of `objects/`, in order."""
        return sorted(_ids(self.medium.names(directory)))

    def open_waiting(self, object_id: str) -> BufferedIOBase:
        """Open an object that lies in `incoming/`. Of one in a segment it is a copy, in a file that has no name yet and
        is not durable before `make_durable`."""
        if not self.segments.holds(object_id):
            return self.medium.open(self.layout.incoming_name(object_id))
        return SegmentCopy(self.medium, self.layout.object_directory(object_id), self.segments.read(object_id))

    def open(self, object_id: str) -> BufferedReader:
        """Open an adopted object; it stands at its header. Raises `NotThere` where it is missing, and only it."""
        try:
            return self.medium.open(self.layout.object_name(object_id))
        except NotThere:
            self._be_mounted(object_id)
            raise

    def holds(self, object_id: str) -> bool:
        """Whether an adopted object has its file. Raises `DiskRefused` where its directory is missing too."""
        if self.medium.exists(self.layout.object_name(object_id)):
            return True
        self._be_mounted(object_id)
        return False

    def make_durable(self, file: BufferedIOBase) -> None:
        """Flush the copy of an object from a segment. A file was flushed before it had its name."""
        if isinstance(file, SegmentCopy):
            self.medium.sync_data(file.fileno())

    def link(self, object_id: str, file: BufferedIOBase) -> None:
        """Give a waiting object its name in `objects/` too. `settle` makes it durable.

        The name goes to the very file that was opened and read: `incoming/` belongs to the program that faces the
        network, which could put something else under the old name meanwhile.
        """
        path = self.layout.object_name(object_id)
        try:
            self.medium.link(file.fileno(), path)
        except AlreadyThere:  # it was adopted before, and a cut came between
            same = isinstance(file, SegmentCopy) and self._holds_just(object_id, file.getvalue())
            if not same and not self.medium.same_file(file.fileno(), path):
                raise

    def settle(self, object_ids: Iterable[str]) -> None:
        """Make what happened to these names in `objects/` durable: one flush a directory."""
        for directory in sorted({self.layout.object_directory(object_id) for object_id in object_ids}):
            self.medium.sync_directory(directory)

    def leave_incoming(self, object_ids: Iterable[str]) -> None:
        """Drop the waiting names of objects that are adopted or not wanted. Not flushed: a name that comes back after
        a power cut is recognised and dropped again, and `settle_incoming` comes before an object is forgotten."""
        for object_id in object_ids:
            if not self.segments.leave(object_id):
                self._unlink(self.layout.incoming_name(object_id))

    def settle_incoming(self) -> None:
        """Make it durable that names have left `incoming/`."""
        self.medium.sync_directory(self.layout.incoming)

    def remove(self, object_ids: Iterable[str]) -> None:
        """Remove adopted objects, durably. Missing ones do not matter."""
        gone = list(object_ids)
        for object_id in gone:
            self._unlink(self.layout.object_name(object_id))
        self.settle(gone)

    def set_aside_waiting(self, object_id: str) -> None:
        """Move a waiting object to `quarantine/`."""
        path = self.layout.incoming_file(object_id)
        if not self.segments.holds(object_id):
            self._set_aside(path)
            return
        with SegmentCopy(self.medium, self.layout.quarantine, self.segments.read(object_id)) as file:
            self.medium.sync_data(file.fileno())
            self.medium.link(file.fileno(), self._free_name(path))
        self.medium.sync_directory(self.layout.quarantine)
        self.segments.leave(object_id)

    def free_segment(self, segment_id: str) -> None:
        """Leave a segment from which everything was taken to whoever wants to write one, durably."""
        path = self.layout.segment(segment_id)
        names = self.medium.names(self.layout.incoming)
        if sum(bool(free_segment_id_of(name)) for name in names) < limits.SEGMENTS_FREE.default:
            self.medium.rename(path, self.layout.free_segment(segment_id))
        else:
            self.medium.unlink(path)
        self.settle_incoming()

    def set_aside_segment(self, segment_id: str) -> None:
        """Move a segment to `quarantine/`."""
        self._set_aside(self.layout.segment(segment_id))

    def set_aside(self, object_id: str) -> None:
        """Move an adopted object to `quarantine/`. One that is missing or was moved before does not matter."""
        try:
            move_aside(self.medium, self.layout, self.layout.object_file(object_id))
        except NotThere:
            pass

    def quarantined(self) -> list[str]:
        """The names of what was set aside."""
        return sorted(self.medium.names(self.layout.quarantine))

    def _be_mounted(self, object_id: str) -> None:
        """No object is missing where the whole file system is: it is not mounted."""
        if not self.medium.exists(self.layout.object_directory(object_id)):
            raise DiskRefused("cannot find an object: its directory is missing", Condition.MISSING)

    def _set_aside(self, path: Path) -> None:
        move_aside(self.medium, self.layout, path)

    def _free_name(self, path: Path) -> Path:
        return _free_name(self.medium, self.layout, path)

    def _holds_just(self, object_id: str, content: bytes | memoryview) -> bool:
        """Whether an adopted object's file has these bytes and no others."""
        try:
            with self.open(object_id) as file:
                return file.read(len(content) + 1) == content
        except OSError as error:
            raise refused("read an object", error) from error

    def _unlink(self, path: str) -> None:
        try:
            self.medium.unlink(path)
        except NotThere:
            pass


def move_aside(medium: Medium, layout: StateLayout, path: Path) -> None:
    """Move a file to `quarantine/`, under a name that no other has there.

    A cut leaves the old name, the new one, or both; one that is still there is moved again. Raises `NotThere`.
    """
    medium.rename(path, _free_name(medium, layout, path))
    medium.sync_directory(layout.quarantine)
    medium.sync_directory(path.parent)


def _free_name(medium: Medium, layout: StateLayout, path: Path) -> Path:
    number = 0
    aside = layout.quarantine / path.name
    while medium.exists(aside):
        number += 1
        aside = layout.quarantine / f"{path.name}.{number}"
    return aside


def _ids(names: Iterable[str]) -> list[str]:
    return [object_id for name in names if (object_id := object_id_of(name))]
