"""Reads the file at `ca` of [sensor]. Anything may lie there while the sensor runs: it is bounded, and no pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.base import limits
from appliance.base.errors import ConfigError, CryptoError

if TYPE_CHECKING:
    from appliance.host.site_authorities import SiteAuthorities

_FIX = (
    "It has to hold the CAs of the site as PEM, where the sensor may read it: below /etc/appliance, and not in tls. "
    "`appliance certs trust` puts a CA there."
)


def read_site_ca(path: Path) -> SiteAuthorities:
    """The CAs of the site. Raises `ConfigError`."""
    from appliance.host.site_authorities import SiteAuthorities  # 15 MiB that a site without it need not have

    try:
        return SiteAuthorities(_content(path))
    except CryptoError as error:
        raise ConfigError(f"ca of [sensor], {path}: {error.message}", fix=_FIX) from None
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise ConfigError(f"ca of [sensor], {path}: {why}", fix=_FIX) from None


def _content(path: Path) -> bytes:
    most = limits.SITE_AUTHORITIES_FILE.default
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "this is no file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"it is longer than {most >> 10} KiB")
    return content
