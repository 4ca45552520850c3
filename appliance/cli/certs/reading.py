"""Reads what the configuration or a person names as a certificate, a key or a list."""

from __future__ import annotations

from pathlib import Path

from appliance.base.errors import ConfigError


def content_of(path: Path) -> bytes:
    """All of a file. Raises ConfigError that says what keeps it from being read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}", fix="Check the path, and run this as root (sudo) or as its owner."
        ) from None
