"""What every place that keeps sealed objects looks like, and the names of objects in it.

A name reveals nothing but the random object id. A place gets sealed bytes and gives them back; it never sees others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Protocol

from appliance.base.errors import UpstreamError
from appliance.vault.layout import SUFFIX, checked

_NAME = re.compile(r"(?:.*/)?([0-9a-f]{2})/(\1[0-9a-f]{30})" + re.escape(SUFFIX))


class NoSuchObject(UpstreamError):
    """Nothing lies under this name."""


def name_of(object_id: str) -> str:
    """The name of an object: in one of 256 directories by the first two digits of its id, as in our own `objects/`."""
    return f"{object_id[:2]}/{checked(object_id)}{SUFFIX}"


def object_id_of(name: str) -> str | None:
    """The object id in a name, whatever prefix is before it; None for what is no object of ours."""
    found = _NAME.fullmatch(name)
    return found[2] if found else None


class Store(Protocol):
    """A bucket or a directory. Thread-safe. Raises UpstreamError when it fails for now, UpstreamRefused when it says no
    to one object, and ConfigError for what is wrong here."""

    def size(self, name: str) -> int | None:
        """The size of what lies under a name, in bytes; None where nothing does."""

    def put(self, name: str, file: BufferedReader) -> None:
        """Put a file there from its start, whole or not at all, durably."""

    def read(self, name: str) -> Iterator[bytes]:
        """What lies under a name, in pieces. Raises NoSuchObject."""

    def remove(self, name: str) -> None:
        """Take away what lies under a name."""

    def names(self) -> Iterator[str]:
        """The names of all objects of ours, in order, as they are found; memory does not follow their number."""
