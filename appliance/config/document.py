"""The tables of a file as they were written, for checks that look at more than one key. What has another shape than it
should is passed over here: `sentences.py` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

LISTS = ("peer", "destination", "route")


def table(document: dict[str, Any], key: str) -> dict[str, Any]:
    """The table at `key`, empty if there is none."""
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def tables(document: dict[str, Any], key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The [[tables]] at `key` with their numbers."""
    value = document.get(key)
    for index, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, dict):
            yield index, each


def texts(entry: dict[str, Any], key: str) -> Iterator[tuple[int, str]]:
    """The texts in the list at `key` with their numbers."""
    value = entry.get(key)
    for index, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, str):
            yield index, each


def mistaken(document: dict[str, Any], section: str) -> bool:
    """Whether a section stands there otherwise than it should: as something else, or within another. That is said by
    itself, and what lacks for that reason need not be."""
    value = document.get(section)
    if value is not None and not isinstance(value, list if section in LISTS else dict):
        return True
    return value is None and any(
        isinstance(each, dict) and isinstance(each.get(section), dict) for each in document.values()
    )
