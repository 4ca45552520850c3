"""Sealed objects in a directory: a disk, a share, a mount of something else.

A file gets its name when it is whole and on the medium, so a power cut leaves it there or not, and never in part. The
directory itself is not made: where it is missing something is not mounted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from appliance.base.errors import UpstreamError
from appliance.delivery.store import NoSuchObject, object_id_of

_PIECE = 1 << 18
_PRIVATE = 0o700


class DirectoryStore:
    """Sealed objects below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def size(self, name: str) -> int | None:
        try:
            self._look()
            return (self._root / name).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure(error) from None

    def put(self, name: str, file: BufferedReader) -> None:
        path = self._root / name
        part = path.with_name(f".{path.name}.part")  # one a name: what a crash left is written over
        try:
            self._look()
            self._make(path.parent)
            file.seek(0)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                shutil.copyfileobj(file, out, _PIECE)
                out.flush()
                os.fsync(descriptor)
            part.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise self._failure(error) from None

    def read(self, name: str) -> Iterator[bytes]:
        try:
            with (self._root / name).open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError:
            raise NoSuchObject("there is no such object") from None
        except OSError as error:
            raise self._failure(error) from None

    def remove(self, name: str) -> None:
        path = self._root / name
        try:
            path.unlink(missing_ok=True)
            _sync(path.parent)
        except OSError as error:
            raise self._failure(error) from None

    def names(self) -> Iterator[str]:
        try:
            self._look()
            for directory in sorted(each.name for each in self._root.iterdir() if len(each.name) == 2):
                if (self._root / directory).is_dir():
                    for name in sorted(each.name for each in (self._root / directory).iterdir()):
                        if object_id_of(f"{directory}/{name}"):
                            yield f"{directory}/{name}"
        except OSError as error:
            raise self._failure(error) from None

    def _look(self) -> None:
        if not self._root.is_dir():
            raise UpstreamError(
                f"there is no directory {self._root}", fix="Is it mounted? Make it, or correct url of the destination."
            )

    def _make(self, directory: Path) -> None:
        try:
            directory.mkdir(_PRIVATE)
        except FileExistsError:
            return
        _sync(self._root)

    def _failure(self, error: OSError) -> UpstreamError:
        return UpstreamError(
            f"{self._root} refuses: {error.strerror or 'it cannot be used'}",
            fix="Check the disk and who may write there.",
        )


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
