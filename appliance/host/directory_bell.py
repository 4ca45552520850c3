"""Rings when something happens in a directory: inotify(7) as a descriptor for a loop, without a thread.

watchdog brings a thread of its own, which `receive` must not have, since it forks, and is a package that the sensor may
not load; so this is the kernel's own interface. It tells names, reads no file, and owns nothing but its descriptor.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_MODIFY, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
_ATTRIB, _OVERFLOW, _IGNORED, _ONLYDIR = 0x4, 0x4000, 0x8000, 0x0100_0000
_GONE = 0x400 | 0x800  # IN_DELETE_SELF, IN_MOVE_SELF
_MASK = _MODIFY | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _ATTRIB | _GONE | _ONLYDIR
_HEADER = struct.Struct("=iIII")
_SIZE = 65536


@dataclass(frozen=True, slots=True)
class Rang:
    """Something happened to `name` in `directory`. `writing`: somebody wrote, and has not closed it yet. Both are empty
    where the kernel lost count, or the directory is no more at its place: then anything may have happened."""

    directory: Path | None
    name: str
    writing: bool = False


class DirectoryBell:
    """Directories under watch. Raises OSError where the kernel gives no descriptor."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        self._watched: dict[int, Path] = {}

    def fileno(self) -> int:
        """Readable when it rang."""
        return int(self._descriptor)

    def watch(self, directories: Iterable[Path]) -> None:
        """These from now on, and no others. One that is not there, or that we may not read, never rings."""
        found: dict[int, Path] = {}
        for directory in directories:
            number = self._libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _MASK)
            if number >= 0:
                found[number] = directory
        for number in self._watched.keys() - found.keys():
            self._libc.inotify_rm_watch(self._descriptor, number)
        self._watched = found

    def rang(self) -> Iterator[Rang]:
        """What happened since it was asked last."""
        while True:
            try:
                data = os.read(self._descriptor, _SIZE)
            except BlockingIOError:
                return
            yield from self._parse(data)

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._descriptor)

    def _parse(self, data: bytes) -> Iterator[Rang]:
        at = 0
        while at < len(data):
            number, mask, _, length = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            at += length
            if mask & (_OVERFLOW | _GONE):
                yield Rang(None, "")
            elif not mask & _IGNORED and (directory := self._watched.get(number)):
                yield Rang(directory, name, writing=bool(mask & _MODIFY))
