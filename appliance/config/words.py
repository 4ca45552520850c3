"""How things of the file are shown to a person: values in short and without secrets, places by their names."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable
from typing import Any

_SECRETS = ("AGE-SECRET-KEY", "APPLIANCE-INDEX-KEY", "PRIVATE KEY-----")
_LOOKALIKES = {"-": "‐‑‒–—−", " ": "\u00a0\u2007\u202f", '"': "“”„", "'": "‘’", ",": "‚", ":": "：", ".": "․"}
_LONGEST = 40


def shown(value: Any) -> str:
    """`value` as TOML would write it, cut short; secret keys and control characters are not shown."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "(a secret key, not shown)" if is_secret(value) else f'"{plain(value)}"'
    if isinstance(value, int | float):
        return str(value) if abs(value) < 1e15 else "a very large number"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return kind(value)


def plain(text: str) -> str:
    """`text` cut short, for a message: one line, no control characters, no secret key."""
    if is_secret(text):
        return "(a secret key, not shown)"
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def is_secret(text: str) -> bool:
    """Whether `text` holds a secret key of ours, which a message must not repeat."""
    return any(secret in text.upper() for secret in _SECRETS)


def lookalike(text: str) -> str:
    """'; …' about a character that looks like another one in print and is none, or nothing."""
    for plain_one, others in _LOOKALIKES.items():
        if found := next((character for character in text if character in others), ""):
            return f'; the character U+{ord(found):04X} in it is no "{plain_one}", type that anew'
    invisible = next((character for character in text if not character.isprintable() and ord(character) > 0x7F), "")
    return f"; the invisible character U+{ord(invisible):04X} is in it" if invisible else ""


def kind(value: Any) -> str:
    """What sort of TOML value this is, in plain words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number with a point"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return "a date or time"


def nearest(word: str, valid: Iterable[str]) -> str:
    """'; did you mean "…"?' with the valid name that looks most like `word`, or nothing."""
    if len(word) > 64:  # comparing is quadratic, and nobody meant that
        return ""
    by_folded = {each.lower(): each for each in valid}
    close = difflib.get_close_matches(word.lower(), by_folded, n=1, cutoff=0.6)
    return f'; did you mean "{by_folded[close[0]]}"?' if close else ""


def choice(valid: Iterable[str]) -> str:
    """'"a", "b" or "c"'."""
    words = [f'"{each}"' for each in valid]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def listed(words: list[str]) -> str:
    """ "a, b and c"."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def place(document: Any, path: tuple[str | int, ...]) -> str:
    """A place in the file by name: `peer "CT suite 2".addresses #2`. Items without a name count from 1."""
    text = ""
    here = document
    for part in path:
        here = _step(here, part)
        if isinstance(part, str):
            text += f".{plain(part)}" if text else plain(part)
        elif isinstance(here, dict) and isinstance(name := here.get("name"), str) and name:
            text += f' "{plain(name)}"'
        else:
            text += f" #{part + 1}"
    return text


def _step(here: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return here[part] if isinstance(here, list) and part < len(here) else None
    return here.get(part) if isinstance(here, dict) else None
