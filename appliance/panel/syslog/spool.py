"""Records that wait for a collector, on the disk: numbered, in order, bounded, without patients in them.

Files named by the number of their first record, each a run of frames ("LEN SP MSG"); `settled` holds the number of the
first record that was not surely taken. A kill loses nothing that was appended; a power cut what was not synced. A tail
that was cut short is removed at the next start. When the bound is reached the oldest file goes, and its records count
as lost. What a disk refuses stays in memory, as far as that goes, so that a collector hears of it all the same, and is
written down when the disk takes it. One thread at a time: the caller sees to that.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.base import limits
from appliance.base.errors import DiskError
from appliance.panel.syslog.message import frame

_SUFFIX = ".frames"
_MODE = 0o600
_HIGHEST = 10**18  # a number that is larger was never given
_DIGITS = 5  # a frame's length has no more


@dataclass(slots=True)
class _Segment:
    path: Path
    first: int
    end: int  # the number after its last record
    size: int
    memory: bytearray | None = None  # what of it the disk did not take: all, and only of the newest


class Spool:
    """The records in a directory of their own."""

    def __init__(
        self,
        directory: Path | None,
        max_bytes: int = limits.SYSLOG_SPOOL.default,
        segment_bytes: int = limits.SYSLOG_SEGMENT.default,
    ) -> None:
        """Take up what the last run left. Raises `DiskError`. Without a directory records stay in memory."""
        self._directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max_bytes // 4)
        self._descriptor = -1
        self._dirty = False
        self.lost = 0  # records that the bound, a full disk or damage cost, since this start
        self._segments: list[_Segment] = []
        self.settled = self.next = 1
        self._cursor = (1, -1, 0)  # number, first of its segment, offset
        if directory is None:
            return
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            self.settled = self._remembered()
            self._segments += self._found()
            end = self._segments[-1].end if self._segments else 1
            self.next = max(self.settled, end)
            self.settled = max(1, min(self.settled, self.next))
            if self._segments:
                self.settled = max(self.settled, self._segments[0].first)
        except OSError as error:
            raise DiskError(
                f"alerts for the collector cannot be kept in {directory}: {error.strerror}",
                fix="Is it a directory of the panel's user (systemd-tmpfiles --create appliance.conf)?",
            ) from None

    @property
    def waiting(self) -> int:
        """Records that no collector has surely taken."""
        return self.next - self.settled

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(segment.size for segment in self._segments)

    def append(self, render: Callable[[int], bytes]) -> int:
        """Keep a record; `render` is told its number. Raises `DiskError` where neither the disk nor memory takes it: it
        is counted."""
        data = frame(render(self.next))
        try:
            self._write_down()
            segment = self._room_for(len(data))
            written = os.write(self._descriptor, data)
            if written < len(data):
                os.ftruncate(self._descriptor, segment.size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._dirty = True
        except OSError as error:
            held = self._held(len(data))
            if held is None:
                self.lost += 1
                where = self._directory or "the disk, which is not there"
                raise DiskError(f"cannot write to {where}: {error.strerror}", fix="Make room on the disk.") from None
            segment, _ = held
            held[1].extend(data)
        segment.size += len(data)
        segment.end = self.next = self.next + 1
        return self.next - 1

    def _held(self, length: int) -> tuple[_Segment, bytearray] | None:
        """Where a record goes that the disk refuses; None where memory is full, too."""
        newest = self._segments[-1] if self._segments else None
        if newest and newest.memory is not None:
            full = len(newest.memory) + length > limits.SYSLOG_HELD.default
            return None if full else (newest, newest.memory)
        self._close()
        if newest and newest.first == newest.end:  # begun, and refused before its first record
            self._segments.pop()
        memory = bytearray()
        path = self._path(self.next) if self._directory else Path()
        self._segments.append(_Segment(path, self.next, self.next, 0, memory))
        return self._segments[-1], memory

    def _write_down(self) -> None:
        """What stayed in memory goes to the disk. Raises OSError where it still does not."""
        newest = self._segments[-1] if self._segments else None
        if newest is None or newest.memory is None:
            return
        self._there()
        try:
            self._open(newest.path)
            os.ftruncate(self._descriptor, 0)
            if os.write(self._descriptor, newest.memory) < len(newest.memory):
                os.ftruncate(self._descriptor, 0)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._sync_directory()
        except OSError:
            self._close()
            raise
        newest.memory, self._dirty = None, True

    def sync(self) -> None:
        """Have what was appended outlive a power cut. A disk that refuses is told by the next `append`."""
        if self._dirty and self._descriptor >= 0:
            self._dirty = False
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                pass

    def read(self, number: int, limit: int = 65536) -> tuple[bytes, int]:
        """Frames from record `number` on, about `limit` bytes of them, and the number after the last. No bytes: there
        are no more. What is damaged is passed over."""
        number = max(number, self.settled)
        for segment in self._segments:
            if segment.end <= number:
                continue
            at, first, offset = self._cursor
            if (at, first) != (number, segment.first):
                at, offset = segment.first, 0
            data = _read(segment.path, offset, segment.size) if segment.memory is None else segment.memory[offset:]
            found = bytearray()
            for start, length in _frames(data):
                if at >= number:
                    if found and len(found) + length > limit:
                        break
                    found += data[start : start + length]
                at, offset = at + 1, offset + length
            if found:
                self._cursor = (at, segment.first, offset)
                return bytes(found), at
            number = max(number, segment.end)
        return b"", max(number, self.next)

    def settle(self, number: int) -> None:
        """All records before `number` were taken."""
        self.settled = max(self.settled, min(number, self.next))

    def tidy(self) -> None:
        """Write down what is settled, and remove the files that nobody needs any more."""
        newest = self._segments[-1] if self._segments else None
        if newest and newest.memory is not None and newest.end <= self.settled:
            self._segments.pop()  # it was taken, and need not go to the disk any more
        try:
            beside = self._there() / "settled.new"
            beside.write_text(f"{self.settled}\n")
            beside.replace(self._there() / "settled")
        except OSError:
            return  # more is told twice after a restart, and nothing is lost
        while self._segments and self._segments[0].end <= self.settled:
            if len(self._segments) == 1:
                if self._segments[0].size < self._segment_bytes:
                    break
                self._close()
            self._drop()

    def close(self) -> None:
        """Write everything down."""
        try:
            self._write_down()
        except OSError:
            pass  # it is told as what waited
        self.sync()
        self.tidy()
        self._close()

    def _remembered(self) -> int:
        try:
            number = int((self._there() / "settled").read_text(encoding="ascii", errors="replace"))
        except (FileNotFoundError, ValueError):
            return 1
        return number if 1 <= number < _HIGHEST else 1

    def _found(self) -> Iterator[_Segment]:
        names = sorted(path for path in self._there().glob(f"*{_SUFFIX}") if path.stem.isdigit())
        for index, path in enumerate(names):
            first, size = int(path.stem), path.stat().st_size
            frames = list(_frames(_read(path, 0, size)))
            if index + 1 < len(names):
                following = int(names[index + 1].stem)
                self.lost += max(0, following - max(self.settled, first + len(frames)))
                yield _Segment(path, first, following, size)
            else:
                whole = sum(length for _, length in frames)
                if whole < size:
                    self.lost += 1  # at the least
                    os.truncate(path, whole)
                yield _Segment(path, first, first + len(frames), whole)

    def _room_for(self, length: int) -> _Segment:
        """The file that the next record goes to, opened."""
        while self._segments and self.size + length > self._max_bytes:
            if len(self._segments) == 1:
                self._close()
            self.lost += max(0, self._segments[0].end - max(self.settled, self._segments[0].first))
            self.settled = max(self.settled, self._segments[0].end)
            self._drop()
        newest = self._segments[-1] if self._segments else None
        # A file's numbers have no gap: where a tail was lost that had been sent already, another one begins.
        if newest is None or newest.end != self.next or newest.size + length > self._segment_bytes:
            self.sync()
            self._close()
            newest = _Segment(self._path(self.next), self.next, self.next, 0)
            self._open(newest.path)
            self._segments.append(newest)
            self._sync_directory()
        elif self._descriptor < 0:
            self._open(newest.path)
        return newest

    def _path(self, first: int) -> Path:
        return self._there() / f"{first:020d}{_SUFFIX}"

    def _there(self) -> Path:
        """The directory. OSError where there is none."""
        if self._directory is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return self._directory

    def _sync_directory(self) -> None:
        descriptor = os.open(self._there(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, _MODE)

    def _drop(self) -> None:
        segment = self._segments.pop(0)
        segment.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _read(path: Path, offset: int, end: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(end - offset)
    except OSError:
        return b""


def _frames(data: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Start and length of each whole frame, up to the first thing that is none."""
    start = 0
    while start < len(data):
        space = data.find(b" ", start, start + _DIGITS + 1)
        digits = data[start:space]
        if space < 0 or not digits.isdigit() or space + 1 + int(digits) > len(data):
            return
        length = space + 1 + int(digits) - start
        yield start, length
        start += length
