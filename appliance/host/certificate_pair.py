"""Puts a certificate and its key in the place of those that are there, or into an empty one.

Both are on the medium, whole and with their owner and mode, before the first name changes over to them; the two names
change one right after the other, and programs that watch them wait for both. A cut in between leaves the one that did
not get its name beside it: who loads the pair finds it there (`half_installed`); the next installation puts it right.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from appliance.base.errors import CryptoError, DiskError

_KEY_MODE = 0o400
_CERTIFICATE_MODE = 0o444
_BESIDE = ".new"


def install_pair(certificate: Path, pem: bytes, key: Path, key_pem: bytes) -> None:
    """Put both there. The key gets the owner and mode of the one that it replaces, 0400 where there was none."""
    try:
        _finish(certificate, key)
        fresh_key = _beside(key, key_pem, _KEY_MODE, narrow=True)
        fresh = _beside(certificate, pem, _CERTIFICATE_MODE)
        fresh_key.replace(key)
        fresh.replace(certificate)
        for directory in {key.parent, certificate.parent}:
            flush_directory(directory)
    except OSError as error:
        raise DiskError(
            f"cannot put the certificate there: {error.strerror}: {error.filename or certificate}",
            fix="Check the directory, its owner and its free space, and install it again.",
        ) from None


def half_installed(certificate: Path, key: Path) -> tuple[Path, Path] | None:
    """The two that belong together, where an installation was cut between its two names; else None.

    Asked of a pair that does not fit. One of the two has its name, the other one still waits beside its own.
    """
    for pair in (
        (certificate.with_name(certificate.name + _BESIDE), key),
        (certificate, key.with_name(key.name + _BESIDE)),
    ):
        if _fits(*pair):
            return pair
    return None


def _fits(certificate: Path, key: Path) -> bool:
    from appliance.host.certificate_facts import is_pair  # the programs seldom need it, and would have to keep it

    try:
        return is_pair(certificate.read_bytes(), key.read_bytes())
    except (OSError, CryptoError):
        return False


def _finish(certificate: Path, key: Path) -> None:
    """End an installation that was cut, so that the next one never leaves less than a whole pair."""
    waiting = None if _fits(certificate, key) else half_installed(certificate, key)
    if waiting:
        fresh, name = (waiting[0], certificate) if waiting[0] != certificate else (waiting[1], key)
        fresh.replace(name)
        for directory in {key.parent, certificate.parent}:
            flush_directory(directory)


def put_file(path: Path, content: bytes, mode: int) -> None:
    """Put one file there, whole or not at all, in the place of what may be there."""
    try:
        _beside(path, content, mode).replace(path)
        flush_directory(path.parent)
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}", fix="Check the directory and its owner.") from None


def _beside(path: Path, content: bytes, mode: int, *, narrow: bool = False) -> Path:
    """A new file beside it, flushed; with the owner of the old one, and its mode where that is no wider."""
    fresh = path.with_name(path.name + _BESIDE)
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            try:
                before = path.stat()
            except FileNotFoundError:
                before = None
            if before and (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(descriptor, before.st_uid, before.st_gid)
            if before and narrow:
                mode = stat.S_IMODE(before.st_mode) & 0o440 or mode
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return fresh


def flush_directory(directory: Path) -> None:
    """Names that changed in it are on the medium when this returns."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
