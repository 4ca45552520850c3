"""The segments of a worker: one in use, and one ready for when that is full.

A thread gets them: it takes up files that were used before, else writes new ones when nothing has come in for a while.
While there is none, small instances go into files of their own: nobody waits for a segment, and none is an error. Where
somebody doubts that the medium is still there, the thread looks: nobody could mend it while we hold a file of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from time import monotonic, sleep

from appliance.base import limits
from appliance.vault.layout import StateLayout, free_segment_id_of, segment_id_of
from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused, NotThere
from appliance.vault.segment import Segment

_QUIET = 0.5  # seconds without anything coming in, before zeros are written
_PAUSE = 60.0  # seconds until it is tried again where there was no room, or the medium refused
_PIECE = 1 << 20  # bytes of zeros written and flushed at a time: as much as somebody who comes then may wait for


class Segments:
    """Shared by the threads of a process; made after the fork, for it has a thread and locks."""

    def __init__(
        self,
        layout: StateLayout,
        medium: Medium | None = None,
        room: Callable[[int], bool] = lambda _: True,
        *,
        size: int = limits.SEGMENT.default,
        quiet: float = _QUIET,
        pause: float = _PAUSE,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`room` says whether so many bytes more leave the disk's reserve alone."""
        self._layout = layout
        self._medium = medium or Medium()
        self._room = room
        self._size = size
        self._quiet = quiet
        self._pause = pause
        self._random = random
        self._lock = threading.Lock()
        self._current: Segment | None = None
        self._next: Segment | None = None
        self._stirred = 0
        self._wanted = threading.Event()
        self._doubted = threading.Event()
        self._begun = False
        self._ended = False

    def stir(self) -> None:
        """Something is coming in: not now."""
        self._stirred += 1

    def prepare(self) -> None:
        """Have what is lacking made ready when there is time for it."""
        with self._lock:
            if not self._begun:
                self._begun = True
                threading.Thread(target=self._run, name="segments", daemon=True).start()
        if not self._wanted.is_set():
            self._wanted.set()

    def doubt(self) -> None:
        """The medium may have failed or gone: have the thread see, and let go of what is lost."""
        self._doubted.set()
        self._wanted.set()

    def supply(self) -> bool:
        """Make one ready now; False where there is no room for it. Raises `DiskRefused`."""
        return self._reuse() or self._make()

    @property
    def ready(self) -> bool:
        """Whether the next small instance goes into a segment, as far as can be told."""
        return self._current is not None

    def append(self, object_id: str, header: bytes, payload: bytes) -> bool:
        """Write a sealed object into a segment, and return True when it is durable; False if there is no segment.

        Raises `DiskRefused`; then at worst a copy too many is adopted.
        """
        self.stir()
        while (segment := self._current) is not None:
            try:
                kept = segment.append(object_id, header, payload)
            except DiskRefused:
                self.doubt()
                raise
            if segment.over:
                self._replace(segment)
            if self._next is None:
                self.prepare()
            if kept:
                return True
        self.prepare()
        return False

    def let_go_of_what_is_lost(self) -> bool:
        """Let go of segments whose medium failed, or was unmounted; whether there were any.

        While one is open the kernel keeps the file system that failed, and gives it again to whoever mounts its device.
        """
        with self._lock:
            held = [segment for segment in (self._current, self._next) if segment]
        if not held:
            return False
        try:
            self._medium.check_alive(self._layout.incoming)
            if all(segment.stands() for segment in held):
                return False
        except DiskRefused:
            pass
        self._let_go()
        return True

    def close(self) -> None:
        """Let go of all segments, and take up no more."""
        self._ended = True
        self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            held = [segment for segment in (self._current, self._next) if segment]
            self._current = self._next = None
        for segment in held:
            segment.retire()

    def _replace(self, segment: Segment) -> None:
        with self._lock:
            if self._current is segment:
                self._current, self._next = self._next, None

    def _lacking(self) -> bool:
        with self._lock:
            if self._ended:
                return False
            return self._current is None or self._next is None

    def _run(self) -> None:
        while self._wanted.wait() and not self._ended:
            self._wanted.clear()
            self._see()
            try:
                while self._lacking():
                    if self._reuse():
                        continue
                    stirred = self._stirred
                    sleep(self._quiet)
                    if stirred == self._stirred and not self.supply():
                        self._rest()
                        break
            except DiskRefused:  # whoever has something to store hears of it
                self._rest()

    def _rest(self) -> None:
        """Nothing can be made ready for a while."""
        until = monotonic() + self._pause
        while self._doubted.wait(until - monotonic()) and not self._ended:
            self._see()

    def _see(self) -> None:
        """Look at the medium, if somebody doubts it."""
        if self._doubted.is_set():
            self._doubted.clear()
            self.let_go_of_what_is_lost()

    def _reuse(self) -> bool:
        """Take up a file whose blocks were all written before."""
        return any(self._take(segment_id, whole=True) for segment_id in self._free())

    def _make(self) -> bool:
        """Write a new one, or the rest of one at which somebody was cut off. False where there is no room for it."""
        if not self._room(self._size):
            return False
        if any(self._take(segment_id, whole=False) for segment_id in self._free()):
            return True
        names = self._medium.names(self._layout.incoming)
        if sum(bool(segment_id_of(name) or free_segment_id_of(name)) for name in names) >= limits.SEGMENTS.default:
            return False
        segment_id = self._random(16).hex()
        self._medium.close(self._medium.create_named(self._layout.free_segment(segment_id)))
        return self._take(segment_id, whole=False)

    def _free(self) -> list[str]:
        names = self._medium.names(self._layout.incoming)
        return [segment_id for name in names if (segment_id := free_segment_id_of(name))]

    def _take(self, segment_id: str, *, whole: bool) -> bool:
        """Make a free file ours and ready. False where another worker has it, or it is not `whole` and must be."""
        path = self._layout.free_segment(segment_id)
        try:
            descriptor = self._medium.open_to_write(path)
        except NotThere:
            return False
        try:
            # It may have been taken, used and freed under another name between our opening and our locking.
            ours = self._medium.lock(descriptor) and self._medium.same_file(descriptor, path)
            if not ours or (whole and self._medium.length(descriptor) < self._size):
                self._medium.close(descriptor)
                return False
            self._fill(descriptor)
            # The name is of this life alone, so that no record of an earlier one is taken for a new one. It is durable
            # before anybody is answered for a record.
            life = self._random(16).hex()
            self._medium.rename(path, self._layout.segment(life))
            self._medium.sync_directory(self._layout.incoming)
            self._enlist(Segment(self._layout, self._medium, life, descriptor))
        except NotThere:
            self._medium.close(descriptor)
            return False
        except DiskRefused:
            self._give_up(segment_id, descriptor)
            raise
        return True

    def _fill(self, descriptor: int) -> None:
        """Write zeros up to the whole size: then its blocks are there, and none of them is said to be unwritten."""
        zeros = bytes(min(_PIECE, self._size))
        stirred = self._stirred
        for offset in range(self._medium.length(descriptor), self._size, len(zeros)):
            while stirred != self._stirred:
                stirred = self._stirred
                sleep(self._quiet)
            self._medium.write_at(descriptor, zeros[: self._size - offset], offset)
            self._medium.sync_data(descriptor)

    def _give_up(self, segment_id: str, descriptor: int) -> None:
        """It takes no room while it is of no use."""
        for end in (
            lambda: self._medium.unlink(self._layout.free_segment(segment_id)),
            lambda: self._medium.close(descriptor),
        ):
            try:
                end()
            except DiskRefused:
                pass

    def _enlist(self, segment: Segment) -> None:
        with self._lock:
            if self._ended or (self._current and self._next):
                surplus: Segment | None = segment
            elif self._current is None:
                self._current, surplus = segment, None
            else:
                self._next, surplus = segment, None
        if surplus:
            surplus.retire()
