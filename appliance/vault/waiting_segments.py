"""Segments from `forward`'s end: which sealed objects lie in them that are not adopted yet.

Reads and never writes a segment. While its worker has it locked, it is read up to the first thing that does not check
out, which may yet become a record; once nobody has, to its very end. Keeps a few numbers for each object that waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from threading import RLock

from appliance.base import limits
from appliance.vault.layout import StateLayout, segment_id_of
from appliance.vault.medium import Medium
from appliance.vault.refusals import Condition, DiskRefused, NotRegular, NotThere, refused
from appliance.vault.segment_record import BLOCK, HEAD, Head, parse_head

_DAMAGED = "a record in this segment was durable and does not check out any more; the others were taken over"


@dataclass(slots=True)
class _Walk:
    """How far a segment was read. Offsets in bytes."""

    end: int = 0  # all before it was read
    pending: dict[str, tuple[int, Head]] = field(default_factory=dict)  # what waits, in the order of the segment
    settled: int = 0  # all before it was durable once
    bad: int | None = None  # where the first thing is that does not check out, in one that was read to its end
    complete: bool = False  # nobody writes it, and it was read to its end
    unusable: str = ""  # why it cannot be used again
    refusal: DiskRefused | None = None

    def mark(self, without: Collection[str] = ()) -> int:
        """The offset from which a restarted `forward` has to read, once those in `without` are adopted."""
        first = next((offset for object_id, (offset, _) in self.pending.items() if object_id not in without), self.end)
        return first if self.bad is None else min(first, self.bad)


class WaitingSegments:
    """What waits in segments. Thread-safe."""

    def __init__(self, layout: StateLayout, medium: Medium) -> None:
        self._layout = layout
        self._medium = medium
        self._lock = RLock()
        self._marks: dict[str, int] = {}
        self._walks: dict[str, _Walk] = {}
        self._where: dict[str, str] = {}  # the segment of each object that waits

    def resume(self, marks: Mapping[str, int]) -> None:
        """What lies before these offsets was adopted; of what was read until now nothing counts."""
        with self._lock:
            self._marks = dict(marks)
            self._walks.clear()
            self._where.clear()

    def look(self, names: Iterable[str]) -> list[str]:
        """Read on in the segments among `names`, which lie in `incoming/`. The ids of all objects that wait in one."""
        with self._lock:
            there = {segment_id for name in names if (segment_id := segment_id_of(name))}
            for segment_id in self._walks.keys() - there:
                self.forget(segment_id)
            for segment_id in there:
                walk = self._walks.setdefault(segment_id, _Walk(self._marks.get(segment_id, 0)))
                if not walk.complete:
                    self._read_on(segment_id, walk)
            return list(self._where)

    def holds(self, object_id: str) -> bool:
        """Whether this object waits in a segment."""
        with self._lock:
            return object_id in self._where

    def read(self, object_id: str) -> bytes:
        """The sealed object. Raises `NotThere` where it is not, or no longer; `DiskRefused`."""
        with self._lock:
            segment_id = self._where.get(object_id)
            if segment_id is None:
                raise NotThere("cannot read an object: it waits in no segment", Condition.OTHER)
            walk = self._walks[segment_id]
            offset, _ = walk.pending[object_id]
            with self._medium.open(self._layout.segment(segment_id)) as file:
                found = _record(file, segment_id, offset)
            if found is None:
                self.leave(object_id)
                walk.unusable = _DAMAGED
                raise NotThere("cannot read an object: its segment was changed", Condition.BROKEN)
            return found[1]

    def leave(self, object_id: str) -> bool:
        """This object waits no longer. False if it waits in no segment."""
        with self._lock:
            segment_id = self._where.pop(object_id, None)
            if segment_id is None:
                return False
            del self._walks[segment_id].pending[object_id]
            return True

    def marks(self, object_ids: Collection[str]) -> dict[str, int]:
        """For each segment that these are in: from where on to read it once they are adopted. To be made durable with
        their rows, or one that was adopted and forgotten would come back as new."""
        with self._lock:
            touched = {self._where[object_id] for object_id in object_ids if object_id in self._where}
            return {segment_id: self._walks[segment_id].mark(object_ids) for segment_id in touched}

    def finished(self) -> list[tuple[str, str]]:
        """Segments that nobody writes and in which nothing waits, and why one cannot be used again ("" if it can)."""
        with self._lock:
            return [
                (segment_id, walk.unusable or (_DAMAGED if walk.bad is not None and walk.bad < walk.settled else ""))
                for segment_id, walk in self._walks.items()
                if walk.complete and not walk.pending
            ]

    def refusals(self) -> list[tuple[str, DiskRefused]]:
        """Segments that the medium would not let us read to the end."""
        with self._lock:
            return [(segment_id, walk.refusal) for segment_id, walk in self._walks.items() if walk.refusal]

    def forget(self, segment_id: str) -> None:
        """The segment is no more."""
        with self._lock:
            self._marks.pop(segment_id, None)
            if walk := self._walks.pop(segment_id, None):
                for object_id in walk.pending:
                    self._where.pop(object_id, None)

    def _read_on(self, segment_id: str, walk: _Walk) -> None:
        walk.refusal = None
        try:
            with self._medium.open(self._layout.segment(segment_id)) as file:
                size = self._medium.length(file.fileno())
                if size > limits.SEGMENT.ceiling:
                    walk.complete, walk.unusable = True, "the segment is longer than any that is written"
                    return
                # Its worker has it locked, as long as it lives and writes it.
                ended = self._medium.lock(file.fileno())
                walk.complete = self._walk(segment_id, walk, file, size, to_end=ended) and ended
        except NotThere:
            self.forget(segment_id)
        except NotRegular as refusal:
            walk.complete, walk.unusable = True, refusal.message
        except DiskRefused as refusal:
            walk.refusal = refusal

    def _walk(self, segment_id: str, walk: _Walk, file: BufferedReader, size: int, *, to_end: bool) -> bool:
        """Note what checks out from `walk.end` on. Returns whether the end was reached."""
        while walk.end < size:
            found = _record(file, segment_id, walk.end)
            if found is None:
                if not to_end:
                    return False
                walk.bad = walk.end if walk.bad is None else walk.bad
                walk.end += BLOCK
                continue
            head, _ = found
            if head.object_id in self._where:
                return False  # the same again: when the first is adopted, we shall see what this one is
            walk.pending[head.object_id] = walk.end, head
            walk.settled = max(walk.settled, min(head.settled, walk.end))
            walk.end += head.size
            self._where[head.object_id] = segment_id
        return True


def _record(file: BufferedReader, segment_id: str, offset: int) -> tuple[Head, bytes] | None:
    """The record at `offset` and its sealed object, if there is one and it is whole."""
    try:
        file.seek(offset)
        head = parse_head(file.read(HEAD), segment_id)
        if head is None:
            return None
        sealed = file.read(head.length)
    except OSError as error:
        raise refused("read a segment", error) from error
    return (head, sealed) if head.covers(sealed) else None
