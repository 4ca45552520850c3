"""A sealed object on its way from a segment to a file of its own: its bytes, and the nameless file that has them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from appliance.vault.medium import Medium
from appliance.vault.refusals import DiskRefused


class SegmentCopy(BytesIO):
    """Reads from memory; `fileno` is that of the new file, which is durable once it is flushed. Closing closes both."""

    def __init__(self, medium: Medium, directory: Path, sealed: bytes) -> None:
        """The file goes into `directory`, where it will get its name. Raises `DiskRefused`.

        The disk is set to work at once: the first flush of a batch finds the others written, and one commit of the file
        system's journal serves them all.
        """
        self._medium = medium
        self._descriptor: int | None = None
        super().__init__(sealed)
        self._descriptor = medium.create(directory)
        try:
            medium.write_at(self._descriptor, sealed, 0)
            medium.start_writing(self._descriptor, 0, len(sealed))
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor of the new file."""
        if self._descriptor is None:
            raise ValueError("the file is closed")
        return self._descriptor

    def close(self) -> None:
        """Let go of the file; without a name it is gone."""
        super().close()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            try:
                self._medium.close(descriptor)
            except DiskRefused:  # what counts is the flush
                pass
