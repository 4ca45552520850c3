"""Wakes us when a directory changes: inotify through watchdog, no polling. What changed is for the caller to see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from appliance.base.errors import DiskError

_EVENTS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileMovedEvent, FileClosedEvent]


class _Forward(FileSystemEventHandler):
    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A file without a name (O_TMPFILE) is "#" and its inode; what becomes of it is told when it gets its name.
        if not Path(os.fsdecode(event.src_path)).name.startswith("#"):
            self._on_change()


class Watch:
    """A directory under watch. `stop` ends it."""

    def __init__(self, observer: BaseObserver) -> None:
        self._observer = observer

    def stop(self) -> None:
        """End the watch and its threads."""
        self._observer.stop()
        self._observer.join()


def watch_directory(path: Path, on_change: Callable[[], None]) -> Watch:
    """Call `on_change` (from a thread of watchdog's) whenever a file appears in `path`, or one there that was open for
    writing is closed. Subdirectories do not count, nor does each write: of a large file that would be thousands.

    Events that came before this returned are not told: look into the directory once afterwards.
    """
    observer = Observer()
    try:
        observer.schedule(_Forward(on_change), str(path), event_filter=_EVENTS)
        observer.start()
    except OSError as error:
        raise DiskError(f"cannot watch {path}: {error.strerror}", fix="Raise fs.inotify.max_user_watches.") from None
    return Watch(observer)
