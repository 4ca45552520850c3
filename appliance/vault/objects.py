"""The object files, as `forward` sees them. Moves and removes names in an order that no power cut can turn into a loss.

Knows nothing of the ledger and reads nothing of what the files hold. What cannot be used is moved aside, never deleted.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path

from appliance.vault.layout import PRIVATE, StateLayout, object_id_of
from appliance.vault.medium import Medium
from appliance.vault.refusals import AlreadyThere, NotThere


class Objects:
    """`objects/`, `quarantine/`, and `incoming/` from its far end. Thread-safe, for it keeps no state."""

    def __init__(self, layout: StateLayout, medium: Medium | None = None) -> None:
        self.layout = layout
        self.medium = medium or Medium()

    def prepare(self) -> None:
        """Make the 256 directories of `objects/` that are missing, durably, so that no adoption has to."""
        made = [self.medium.make_directory(directory, PRIVATE) for directory in self.layout.fan()]
        if any(made):
            self.medium.sync_directory(self.layout.objects)

    def waiting(self) -> list[str]:
        """The ids of the objects in `incoming/`, in no order. Names that are not an object's are left alone."""
        return _ids(self.medium.names(self.layout.incoming))

    def stored(self, directory: Path) -> list[str]:
        """The ids of the objects in one of the 256 directories of `objects/`, in order."""
        return sorted(_ids(self.medium.names(directory)))

    def open_waiting(self, object_id: str) -> BufferedReader:
        """Open an object that lies in `incoming/`."""
        return self.medium.open(self.layout.incoming_file(object_id))

    def open(self, object_id: str) -> BufferedReader:
        """Open an adopted object; it stands at its header. Raises `NotThere` where it is missing."""
        return self.medium.open(self.layout.object_file(object_id))

    def holds(self, object_id: str) -> bool:
        """Whether an adopted object has its file."""
        return self.medium.exists(self.layout.object_file(object_id))

    def link(self, object_id: str, file: BufferedReader) -> None:
        """Give a waiting object its name in `objects/` too. `settle` makes it durable.

        The name goes to the very file that was opened and read: `incoming/` belongs to the program that faces the
        network, which could put something else under the old name meanwhile.
        """
        path = self.layout.object_file(object_id)
        try:
            self.medium.link(file.fileno(), path)
        except AlreadyThere:  # it was adopted before, and a cut came between
            if not self.medium.same_file(file.fileno(), path):
                raise

    def settle(self, object_ids: Iterable[str]) -> None:
        """Make what happened to these names in `objects/` durable: one flush a directory."""
        for directory in sorted({self.layout.object_directory(object_id) for object_id in object_ids}):
            self.medium.sync_directory(directory)

    def leave_incoming(self, object_ids: Iterable[str]) -> None:
        """Drop the waiting names of objects that are adopted or not wanted. Not flushed: a name that comes back after
        a power cut is recognised and dropped again, and `settle_incoming` comes before an object is forgotten."""
        for object_id in object_ids:
            self._unlink(self.layout.incoming_file(object_id))

    def settle_incoming(self) -> None:
        """Make it durable that names have left `incoming/`."""
        self.medium.sync_directory(self.layout.incoming)

    def remove(self, object_ids: Iterable[str]) -> None:
        """Remove adopted objects, durably. Missing ones do not matter."""
        gone = list(object_ids)
        for object_id in gone:
            self._unlink(self.layout.object_file(object_id))
        self.settle(gone)

    def set_aside_waiting(self, object_id: str) -> None:
        """Move a waiting object to `quarantine/`."""
        self._set_aside(self.layout.incoming_file(object_id))

    def set_aside(self, object_id: str) -> None:
        """Move an adopted object to `quarantine/`. One that is missing or was moved before does not matter."""
        try:
            self._set_aside(self.layout.object_file(object_id))
        except NotThere:
            pass

    def quarantined(self) -> list[str]:
        """The names of what was set aside."""
        return sorted(self.medium.names(self.layout.quarantine))

    def _set_aside(self, path: Path) -> None:
        """The new name is durable before the old one is surely gone: a cut leaves both at worst, never none."""
        number = 0
        aside = self.layout.quarantine / path.name
        while self.medium.exists(aside):
            number += 1
            aside = self.layout.quarantine / f"{path.name}.{number}"
        self.medium.rename(path, aside)
        self.medium.sync_directory(self.layout.quarantine)
        self.medium.sync_directory(path.parent)

    def _unlink(self, path: Path) -> None:
        try:
            self.medium.unlink(path)
        except NotThere:
            pass


def _ids(names: Iterable[str]) -> list[str]:
    return [object_id for name in names if (object_id := object_id_of(name))]
