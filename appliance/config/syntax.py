"""TOML text to plain values; what tomllib says of a mistake, in plain words and with its line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_POSITION = re.compile(r"\(at (?:line (\d+), column (\d+)|end of document)\)$")

# tomllib's own words, by how they begin; the first that fits counts. Nothing of the file is repeated: a line that is
# pasted by mistake may be a secret.
_PLAIN_WORDS = (
    ("Illegal character '\\n'", "a text must close with a quote on the line where it opens"),
    ("Illegal character '\\r'", "a line ends with a lone carriage return; save the file with plain line ends"),
    ("Illegal character", "a control character stands here; save the file as plain text"),
    ("Found invalid character", "a control character stands here; save the file as plain text"),
    ("Invalid statement", 'a line is a [section], a [[section]], key = value, or begins with "#"'),
    ("Expected newline", "something stands behind the value; text is quoted, and each key has a line of its own"),
    ("Expected '=' after", 'a key is followed by "=" and its value'),
    ("Expected ']' at", 'a section closes with "]" on its line'),
    ("Expected ']]' at", 'a repeated section closes with "]]" on its line'),
    ("Expected", "a quote, a bracket or a line end is missing"),
    ("Cannot declare", "this section stands here a second time; only [[sections]] in two brackets may repeat"),
    ("Cannot overwrite", "this key stands here a second time"),
    ("Duplicate inline", "a key stands twice in these braces"),
    ("Cannot mutate", "this adds to a value that is complete already"),
    ("Cannot redefine", "this adds to a section that is complete already"),
    ("Invalid initial character", 'a key has letters, digits, "_" and "-"'),
    ("Unclosed array", 'a list closes with "]", and commas stand between its items'),
    ("Unclosed inline", 'a table in braces closes with "}" on its line, and commas stand between its keys'),
    ("Unescaped", "a backslash in a text is written twice; or put the text in 'single quotes'"),
    ("Invalid hex", "a backslash in a text is written twice; or put the text in 'single quotes'"),
    ("Escaped character", "that is no character of Unicode"),
    ("Unterminated", "a text must close with its quote"),
    ("Invalid date", "that is no date"),
    ("Invalid value", 'a value is "text" in quotes, a number, true, false, or a [list]'),
)


class SyntaxProblem(Exception):  # it becomes a Problem
    """Not TOML: at which line, counted from 1, and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


def decode(raw: bytes) -> str:
    """UTF-8 to text; a byte order mark, which some editors write, is dropped. Raises `SyntaxProblem`."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SyntaxProblem(line, "that is not UTF-8; save the file as UTF-8") from None
    return text.removeprefix("\ufeff")


def parse(text: str) -> dict[str, Any]:
    """The values of a TOML text. Raises `SyntaxProblem`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _explained(text, str(error)) from None
    except RecursionError:
        raise SyntaxProblem(1, "brackets are nested too deeply") from None
    except ValueError:  # Python reads no decimal number of more than 4300 digits
        raise SyntaxProblem(_line_of_digits(text), "a number is too long") from None


def _explained(text: str, said: str) -> SyntaxProblem:
    message = next((plain for start, plain in _PLAIN_WORDS if said.startswith(start)), "this is not TOML")
    position = _POSITION.search(said)
    if position is None or position[1] is None:
        return SyntaxProblem(text.rstrip().count("\n") + 1, message)
    return SyntaxProblem(int(position[1]), message)


def _line_of_digits(text: str) -> int:
    found = re.search(r"[0-9_]{1000}", text)
    return text.count("\n", 0, found.start() if found else 0) + 1
