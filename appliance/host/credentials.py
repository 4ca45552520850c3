"""Where secrets come from: files that only we may read, or systemd's credentials. Read once, never logged."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from appliance.base.errors import ConfigError
from appliance.base.limits import SECRET_FILE


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
    """The text of a secret, without the line end. Refuses files that others may read. Raises `ConfigError`."""
    secrets = read_secrets(source)
    if len(secrets) != 1:
        raise ConfigError(
            f"{source} holds {len(secrets)} secrets", fix="Keep exactly one line in it, besides # comments."
        )
    return secrets[0]


def read_secrets(source: str) -> list[str]:
    """The lines of a file of secrets, one at least, as `read_secret` reads one: identities, the one in use first."""
    path = secret_path(source)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(SECRET_FILE.default + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the secret {source}: {error.strerror}", fix="Check the path and its owner."
        ) from None
    if mode & (stat.S_IRWXO | stat.S_IWGRP) and source.startswith("file:"):
        raise ConfigError(f"others may read or change {path}", fix=f"Run: chmod 0400 {path}")
    return secret_lines(text, source)


def secret_lines(text: bytes, source: str) -> list[str]:
    """The lines that are no comments, from a file named `source`. A recovery kit is such a file: its QR codes, which
    are no ASCII, stand in comments. Raises `ConfigError`."""
    if len(text) > SECRET_FILE.default:
        raise ConfigError(f"{source} is longer than {SECRET_FILE.default} bytes", fix="Is it the right file?")
    lines = [line.strip() for line in text.splitlines()]
    secrets = [line for line in lines if line and not line.startswith(b"#")]
    if not all(line.isascii() for line in secrets):
        raise ConfigError(f"cannot read the secret {source}: not ASCII text", fix="Check the path.")
    if not secrets:
        raise ConfigError(f"{source} holds 0 secrets", fix="Keep one line in it, besides # comments.")
    return [line.decode("ascii") for line in secrets]
