"""Which line of a TOML text says what. tomllib gives values without positions; this walk gives the positions.

It reads text that tomllib has accepted, at least so far, so it does not judge: it follows keys, brackets and quotes.
Where it loses its way it stops, and the lines that it does not know are answered with those of the nearest enclosing
key. It never raises.
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)


class Lines:
    """The lines of one text. `of(("peer", 0, "tls"))` is where the first [[peer]] says tls."""

    def __init__(self, text: str) -> None:
        self._known: dict[Path, int] = {(): 1}
        try:
            _Walk(text, self._known).document()
        except (_LostError, RecursionError, ValueError):
            pass  # what is known so far is true; the rest falls back

    def of(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it that has one. Counts from 1."""
        while path not in self._known:
            path = path[:-1]
        return self._known[path]


def statement_before(text: str, at: int) -> int:
    """The offset at which the statement begins that has `at` in it, in a text that is TOML up to there."""
    walk = _Walk(text, {})
    try:
        walk.document()
    except (_LostError, RecursionError, ValueError):
        pass
    return max((begin for begin in walk.statements if begin <= at), default=0)


class _LostError(Exception):
    """The walk met something that it does not understand."""


class _Walk:
    def __init__(self, text: str, known: dict[Path, int]) -> None:
        self.text = text
        self.known = known
        self.at = 0
        self.line = 1
        self.statements: list[int] = []  # where each begins
        self.tables: dict[Path, int] = {}  # how many [[tables]] each array of tables has so far

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            self.statements.append(self.at)
            if self._takes("[["):
                line = self.line
                array = self._resolve(self._key("]]"))
                index = self.tables.get(array, 0)
                self.tables[array] = index + 1
                self._note(array, line)
                table = (*array, index)
                self.known[table] = line
            elif self._takes("["):
                line = self.line
                table = self._resolve(self._key("]"))
                self._note(table, line)
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _resolve(self, keys: Path) -> Path:
        """The place that a header names: below an array of tables, its latest table is meant (TOML 1.0)."""
        place: Path = ()
        for key in keys:
            if place in self.tables:
                place = (*place, self.tables[place] - 1)
            place = (*place, key)
        return place

    def _pair(self, table: Path) -> None:
        line = self.line
        place = (*table, *self._key("="))
        self._note(place, line)
        self._value(place)

    def _value(self, place: Path) -> None:
        self._skip(_SPACE)
        if self._takes("["):
            index = 0
            self._skip(_BLANK)
            while not self._takes("]"):
                self.known.setdefault((*place, index), self.line)
                self._value((*place, index))
                index += 1
                self._separator("]")
        elif self._takes("{"):
            self._skip(_BLANK)
            while not self._takes("}"):
                self._pair(place)
                self._separator("}")
        elif not self._skip(_STRING):
            self._skip(_PLAIN)

    def _separator(self, end: str) -> None:
        self._skip(_BLANK)
        if not self._takes(",") and not self.text.startswith(end, self.at):
            raise _LostError
        self._skip(_BLANK)

    def _key(self, end: str) -> Path:
        """A dotted key up to `end`, which is taken too."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            parts.append(self._key_part())
            self._skip(_SPACE)
            if self._takes(end):
                return tuple(parts)
            if not self._takes("."):
                raise _LostError

    def _key_part(self) -> str:
        start = self.at
        if self._skip(_BARE):
            return self.text[start : self.at]
        if not self._skip(_STRING):
            raise _LostError
        key = tomllib.loads(f"key = {self.text[start : self.at]}")["key"]
        return str(key)

    def _note(self, place: Path, line: int) -> None:
        """Remember `place` and what it opens on the way; the first mention counts."""
        for depth in range(1, len(place) + 1):
            self.known.setdefault(place[:depth], line)

    def _takes(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        """Step over what `pattern` matches here; False when that is nothing."""
        found = pattern.match(self.text, self.at)
        if found is None or found.end() == self.at:
            return False
        self.line += self.text.count("\n", self.at, found.end())
        self.at = found.end()
        return True
