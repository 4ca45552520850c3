"""Replaces a secret file by a new version of it, such that at every moment one of the two is there, whole.

The new content is on the medium before the name changes over to it. Never follows a link, never widens a mode.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.base.errors import ConfigError, DiskError, LocalError
from appliance.base.limits import SECRET_FILE

_BESIDE = ".new"


def replace_file(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Put `change(content)` in the place of the file at `path`, with its owner, group and mode.

    One at a time. What an interrupted one left beside it (`path` + ".new") was never in use, and is removed. Raises
    `ConfigError` for a file that is none, `LocalError` while another replaces it, `DiskError` when the medium refuses;
    the file is then as it was.
    """
    beside = path.with_name(path.name + _BESIDE)
    try:
        with locked_directory(path.parent) as directory:
            content, status = _read(path)
            changed = change(content)
            beside.unlink(missing_ok=True)
            try:
                _write(beside, changed, status)
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            os.fsync(directory)
    except OSError as error:
        raise DiskError(
            f"cannot replace {path}: {error.strerror}", fix="It is as it was. Check its directory and the free space."
        ) from None


@contextmanager
def locked_directory(directory: Path) -> Iterator[int]:
    """Keep other commands out of it for a while; yields its descriptor. Raises `LocalError` while another is in it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another command changes files in {directory}", fix="Wait for its end.") from None
        yield descriptor
    finally:
        os.close(descriptor)


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is no file", fix="Name the file itself.")
        content = file.read(SECRET_FILE.default + 1)
    if len(content) > SECRET_FILE.default:
        raise ConfigError(f"{path} is longer than {SECRET_FILE.default} bytes", fix="Is it the right file?")
    return content, status


def _write(path: Path, content: bytes, like: os.stat_result) -> None:
    """A new file, flushed, owned as `like`; secret from its first moment on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        os.fsync(descriptor)
