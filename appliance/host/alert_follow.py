"""Alerts as they are written: wakes on each append (inotify through watchdog), and goes on where a log is rotated.

Reads only. What is no record, such as a line cut short, is passed over.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from watchdog.events import FileCreatedEvent, FileModifiedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from appliance.base.errors import DiskError
from appliance.host.alerts import numbered

_EVENTS: list[type[FileSystemEvent]] = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent]
_LONGEST_LINE = 1 << 20
SUFFIX = ".jsonl"


class Tail:
    """The end of one log. `read` gives the records that came since the last call."""

    def __init__(self, path: Path, from_start: bool) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        try:
            self._file = path.open("rb")
        except FileNotFoundError:
            return
        if not from_start:
            self._file.seek(0, 2)

    def read(self) -> Iterator[dict[str, Any]]:
        """The new records; those of files that were rotated meanwhile come first."""
        yield from self._drain()
        while (following := self._following()) is not None:
            yield from self._drain()  # what came between the two looks
            self.close()
            self._file, self._rest = following, b""
            yield from self._drain()

    def _following(self) -> BinaryIO | None:
        """The file that was begun after ours; the oldest that is kept, where ours is not. None where ours is the
        newest."""
        ours = _identity(self._file) if self._file else None
        younger: BinaryIO | None = None
        gap = 0  # one is there while a writer renames them
        for number in itertools.count():
            try:
                file = numbered(self._path, number).open("rb")
            except FileNotFoundError:
                gap += 1
                if gap > 1 or not number:
                    return younger
                continue
            if _identity(file) == ours:
                file.close()
                return younger
            if younger:
                younger.close()
            younger = file
        return None

    def _drain(self) -> Iterator[dict[str, Any]]:
        while self._file is not None and (piece := self._file.read(65536)):
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if len(self._rest) > _LONGEST_LINE:
                self._rest = b""
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record

    def close(self) -> None:
        """Release the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _identity(file: BinaryIO) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino


class _Wake(FileSystemEventHandler):
    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._event.set()


def follow_alerts(directory: Path, *others: Path) -> Iterator[dict[str, Any]]:
    """The records of all logs in a directory from this call on, for ever, and in `others` that are there. Raises
    DiskError."""
    directories = (directory, *(each for each in others if each.is_dir()))
    tails = {path: Tail(path, from_start=False) for each in directories for path in each.glob("*" + SUFFIX)}
    changed = threading.Event()
    observer = Observer()
    try:
        for each in directories:
            observer.schedule(_Wake(changed), str(each), event_filter=_EVENTS)
        observer.start()
    except OSError as error:
        raise DiskError(f"cannot watch {directory}: {error.strerror}", fix="Is it there, may you read it?") from None
    return _follow(directories, tails, changed, observer)


def _follow(
    directories: tuple[Path, ...], tails: dict[Path, Tail], changed: threading.Event, observer: BaseObserver
) -> Iterator[dict[str, Any]]:
    try:
        while True:
            for path in (path for each in directories for path in each.glob("*" + SUFFIX)):
                if path not in tails:
                    tails[path] = Tail(path, from_start=True)
            for tail in tails.values():
                yield from tail.read()
            changed.wait()
            changed.clear()
    finally:
        observer.stop()
        observer.join()
        for tail in tails.values():
            tail.close()
