"""Wakes us when a directory changes: inotify through watchdog, no polling. What changed is for the caller to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from appliance.base.errors import DiskError


class _Forward(FileSystemEventHandler):
    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def on_any_event(self, event: FileSystemEvent) -> None:
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
    """Call `on_change` (from a thread of watchdog's) whenever a file appears in `path`. Subdirectories do not count.

    Events that came before this returned are not told: look into the directory once afterwards.
    """
    observer = Observer()
    try:
        observer.schedule(_Forward(on_change), str(path), event_filter=[FileCreatedEvent, FileMovedEvent])
        observer.start()
    except OSError as error:
        raise DiskError(f"cannot watch {path}: {error.strerror}", fix="Raise fs.inotify.max_user_watches.") from None
    return Watch(observer)
