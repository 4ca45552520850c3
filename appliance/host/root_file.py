"""Reads a file that root alone may have written: what it says bounds a program that trusts nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from appliance.base.errors import ConfigError

_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_root_file(path: Path, most: int, owner: int = 0) -> bytes:
    """The content, `most` bytes at most. Raises ConfigError where it is missing, too long, a link, or where somebody
    else than `owner` could have written it or put it there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        fix = "See firmware-config/respond.toml for one." if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"cannot read {path}: {error.strerror}", fix=fix) from None
    about, directory = os.fstat(descriptor), path.parent.stat()
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise ConfigError(f"{path} is no file")
    with os.fdopen(descriptor, "rb") as file:
        for what, each in ((path, about), (path.parent, directory)):
            if each.st_uid not in (0, owner) or each.st_mode & _OTHERS:
                fix = f"chown root {what} && chmod go-w {what}"
                raise ConfigError(f"{what} can be changed by others than root", fix=f"Run: {fix}.")
        content = file.read(most + 1)
    if len(content) > most:
        raise ConfigError(f"{path} is longer than {most} bytes")
    return content
