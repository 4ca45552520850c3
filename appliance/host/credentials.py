"""Where secrets come from: files that only we may read, or systemd's credentials. Read once, never logged."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from appliance.base.errors import ConfigError


def secret_path(source: str) -> Path:
    """The file behind "file:/path" or "credential:NAME" (systemd.exec(5), LoadCredential=)."""
    kind, _, rest = source.partition(":")
    if kind == "file":
        return Path(rest)
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ConfigError(
            f"{source} is a systemd credential, and this process was given none",
            fix="Start it by its unit, or name a file: file:/path/to/key.",
        )
    return Path(directory) / rest


def read_secret(source: str) -> str:
    """The text of a secret, without the line end. Refuses files that others may read."""
    path = secret_path(source)
    try:
        with path.open(encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(65536)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not ASCII text"
        raise ConfigError(f"cannot read the secret {source}: {why}", fix="Check the path and its owner.") from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP) and source.startswith("file:"):
        raise ConfigError(f"others may read or change {path}", fix=f"Run: chmod 0400 {path}")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1:
        raise ConfigError(
            f"{source} holds {len(lines)} secrets", fix="Keep exactly one line in it, besides # comments."
        )
    return lines[0].strip()
