"""Small sealed files in `incoming/` that are no objects: `receive` makes one durable before it answers, `forward` takes
it over. Owns their write path, which is that of an object: no name before all of it is on the medium.

Knows nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from appliance.seal.errors import RequestMalformed
from appliance.vault.incoming import Incoming
from appliance.vault.layout import StateLayout
from appliance.vault.medium import Medium
from appliance.vault.objects import move_aside
from appliance.vault.refusals import DiskRefused, NotRegular, NotThere, refused


def keep_file(incoming: Incoming, path: Path, sealed: bytes) -> None:
    """Make the file durable under its name. Returns when it is. Raises `DiskRefused`; then nothing is left of it."""
    incoming.check_mount()
    medium = incoming.medium
    descriptor = medium.create(incoming.layout.incoming)
    try:
        medium.write_at(descriptor, sealed, 0)
        medium.sync_data(descriptor)
        medium.link(descriptor, path)
        try:
            incoming.flusher.flush()
        except DiskRefused:
            try:
                medium.unlink(path)
            except DiskRefused:  # then something is taken over that nobody was answered for: no harm
                pass
            raise
    finally:
        try:
            medium.close(descriptor)
        except DiskRefused:  # what counted was the fdatasync
            pass


class WaitingFiles:
    """The files of one sort in `incoming/`, from `forward`'s end. Keeps no state."""

    def __init__(
        self,
        layout: StateLayout,
        path: Callable[[str], Path],
        id_of: Callable[[str], str | None],
        most: int,
        medium: Medium | None = None,
    ) -> None:
        """`path` gives the path of an id, `id_of` the id of a name; of a file `most` bytes are looked at."""
        self._layout = layout
        self._path = path
        self._id_of = id_of
        self._most = most
        self._medium = medium or Medium()

    def ids(self) -> list[str]:
        """Those that wait, in no order."""
        return [each for name in self._medium.names(self._layout.incoming) if (each := self._id_of(name))]

    def sealed(self, file_id: str) -> bytes:
        """What is in a file. Raises `NotThere`, `DiskRefused`, or `RequestMalformed` for what cannot be one that was
        kept: it is too long, or a link or a pipe."""
        try:
            file = self._medium.open(self._path(file_id))
        except NotRegular as error:  # no fault of the medium's, and it stays what it is
            raise RequestMalformed(error.message) from None
        with file:
            try:
                sealed = file.read(self._most + 1)
            except OSError as error:
                raise refused("read a file of incoming/", error) from error
        if len(sealed) > self._most:
            raise RequestMalformed("it is longer than any that is written")
        return sealed

    def leave(self, file_id: str) -> None:
        """Drop the file of what is entered. Not flushed: one that comes back is recognised by its id."""
        try:
            self._medium.unlink(self._path(file_id))
        except NotThere:
            pass

    def settle(self) -> None:
        """Make it durable that files have left."""
        self._medium.sync_directory(self._layout.incoming)

    def set_aside(self, file_id: str) -> None:
        """Move a file that cannot be used to `quarantine/`. Never raises `NotThere`."""
        try:
            move_aside(self._medium, self._layout, self._path(file_id))
        except NotThere:
            pass
