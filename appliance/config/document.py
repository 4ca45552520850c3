"""The tables of a file as they were written, for checks that look at more than one key. What has another shape than it
should is passed over here: `sentences.py` says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


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


def listed(words: list[str]) -> str:
    """ "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
