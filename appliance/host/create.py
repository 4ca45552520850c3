"""Makes new files: keys, certificates, a first configuration. Never overwrites, never follows links."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path

from appliance.base.errors import DiskError, LocalError


def create_file(path: Path, content: bytes | str, mode: int) -> None:
    """Write `content` to a new file with exactly `mode`, whatever the umask, and to the medium.

    Raises `LocalError` when something is there already, `DiskError` when the medium refuses; a part of a file is not
    left behind.
    """
    with new_file(path, mode & 0o600) as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


@contextmanager
def new_file(path: Path, mode: int = 0o600) -> Iterator[BufferedWriter]:
    """A new file to write into; nothing is left of it where that fails. Raises as `create_file` does, and what the
    writer raises."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise LocalError(f"{path} exists already", fix="It is left as it is: move it away or name another.") from None
    except OSError as error:
        raise _refused(path, error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _refused(path, error) from None
        raise


def create_directory(path: Path, mode: int) -> bool:
    """Make a directory with `mode` and its parents. False when it was there; its mode is then left as it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=mode)
        path.chmod(mode)
    except FileExistsError:
        if path.is_dir():
            return False
        raise LocalError(f"{path} is no directory", fix="Move it away or name another.") from None
    except OSError as error:
        raise _refused(path, error) from None
    return True


def _refused(path: Path, error: OSError) -> DiskError:
    return DiskError(f"cannot write {path}: {error.strerror}", fix="Check the directory, its owner and its free space.")
