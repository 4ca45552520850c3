"""The grammar of AE titles (PS3.5 6.2, VR AE) and UIDs (PS3.5 9.1)."""

from __future__ import annotations

import re

from appliance.base.errors import ConfigError

_UID = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
_UID_TOLERATED = re.compile(rb"[0-9]+(?:\.[0-9]+)*")


def ae_title(text: str) -> str:
    """Check an AE title that a person wrote: 1 to 16 characters of printable ASCII, no backslash, not all spaces."""
    title = text.strip(" ")
    if not 1 <= len(title) <= 16 or any(not " " <= c <= "~" or c == "\\" for c in title):
        raise ConfigError(f"{text!r} is not an AE title", fix="Use 1 to 16 printable ASCII characters, no backslash.")
    return title


def ae_title_from_wire(field: bytes) -> str | None:
    """Read the 16 bytes of an AE title field; leading and trailing spaces do not count, NUL padding is tolerated.

    Returns None when it is blank or holds a character that no AE title may hold (PS3.8 9.3.2).
    """
    title = field.rstrip(b"\0 ").lstrip(b" ")
    if not 1 <= len(title) <= 16 or any(not 0x20 <= b <= 0x7E or b == 0x5C for b in title):
        return None
    return title.decode("ascii")


def uid(text: str) -> str:
    """Check a UID that a person wrote."""
    if len(text) > 64 or not _UID.fullmatch(text.encode("ascii", "replace")):
        raise ConfigError(f"{text!r} is not a UID", fix="Use digits and dots, 64 characters at most.")
    return text


def uid_from_wire(field: bytes) -> str | None:
    """Read a UID from the wire; trailing NUL or space padding is dropped (PS3.5 9.1, 6.2).

    Components with leading zeros are tolerated, because real devices send them. None when it is no UID at all.
    """
    value = field.rstrip(b"\0 ")
    if not 1 <= len(value) <= 64 or not _UID_TOLERATED.fullmatch(value):
        return None
    return value.decode("ascii")
