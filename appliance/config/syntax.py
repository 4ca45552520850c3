"""TOML text to plain values; what tomllib says of a mistake, in plain words and with its line."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from appliance.config.lines import Lines, statement_before
from appliance.config.lines import Path as Place
from appliance.config.slips import explain, opened_last

_BITS = 63  # of a number, as TOML has them
_LONGEST = 500  # characters of a line behind which more mistakes are looked for
_MOST = 10  # mistakes that are looked for
_ONE_KEY = re.compile(r"""\s*(?!["'=])[^\s\[\]][^\[\]{}]*[:=](?:(?!\"{3}|'{3}).)*""")
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


@dataclass(frozen=True, slots=True)
class Mistake:
    """Not TOML: at which line, counted from 1, and why."""

    line: int
    message: str


class SyntaxProblem(Exception):  # it becomes Problems
    """This is not TOML: all that could be found, in the order of the lines."""

    def __init__(self, *found: Mistake) -> None:
        super().__init__()
        self.found = tuple(sorted(found, key=lambda each: each.line))


def decode(raw: bytes) -> str:
    """UTF-8 to text; a byte order mark, which some editors write, is dropped. Raises `SyntaxProblem`."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SyntaxProblem(Mistake(1, "that is UTF-16, which some editors call Unicode; save the file as UTF-8"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SyntaxProblem(Mistake(line, "that is not UTF-8; save the file as UTF-8")) from None
    return text.removeprefix("\ufeff")


def parse(text: str) -> dict[str, Any]:
    """The values of a TOML text. Raises `SyntaxProblem`: where a mistake keeps to its line, the lines behind it are
    read too."""
    text = text.replace("\r\n", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SyntaxProblem(Mistake(line, "there are NUL characters in it; save the file as plain text, UTF-8"))
    document, mistake = _parse(text)
    if mistake is None:
        return document
    found = [mistake]
    while len(found) < _MOST and (left := _without(text, found[-1].line)) is not None:
        text = left
        mistake = _parse(text)[1]
        if mistake is None:
            break
        found.append(mistake)
    raise SyntaxProblem(*found)


def _parse(text: str) -> tuple[dict[str, Any], Mistake | None]:
    """The values, or why there are none."""
    try:
        document = tomllib.loads(text)
        longest = next((place for place, value in _numbers(document) if value.bit_length() > _BITS), None)
        return document, None if longest is None else Mistake(Lines(text).of(longest), "a number is too long")
    except tomllib.TOMLDecodeError as error:
        return {}, _explained(text, str(error))
    except RecursionError:
        return {}, Mistake(1, "brackets are nested too deeply")
    except ValueError:  # Python reads no decimal number of more than 4300 digits
        return {}, Mistake(_line_of_digits(text), "a number is too long")


def _numbers(document: dict[str, Any]) -> Iterator[tuple[Place, int]]:
    """All whole numbers in it, and where."""
    waiting: list[tuple[Place, Any]] = [((), document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            waiting += (((*place, key), each) for key, each in value.items())
        elif isinstance(value, list):
            waiting += (((*place, index), each) for index, each in enumerate(value))
        elif isinstance(value, int):
            yield place, value


def _without(text: str, number: int) -> str | None:
    """The text without that line, if it is one key with its value; else what follows would be read wrongly."""
    lines = text.split("\n")
    line = lines[number - 1]
    if (
        len(line) > _LONGEST
        or not _ONE_KEY.fullmatch(line)
        or any(line.count(pair[0]) != line.count(pair[1]) for pair in ("[]", "{}"))
    ):
        return None
    if "".join(lines[number:]).lstrip()[:1] in ('"', "'", "{", "]", ","):  # it goes on
        return None
    lines[number - 1] = ""
    return "\n".join(lines)


def _explained(text: str, said: str) -> Mistake:
    message = next((plain for start, plain in _PLAIN_WORDS if said.startswith(start)), "this is not TOML")
    position = _POSITION.search(said)
    if position is None:
        return Mistake(1, message)
    if position[1] is None:
        return _at_the_end(text, said, message)
    line = int(position[1])
    begin = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    at, better = explain(text, begin + int(position[2]) - 1, said) or (begin, message)
    return Mistake(text.count("\n", 0, at) + 1, better)


def _at_the_end(text: str, said: str, message: str) -> Mistake:
    """What opened somewhere and never closed."""
    if (quote := opened_last(text, said)) is not None:
        return Mistake(text.count("\n", 0, quote) + 1, "the text that opens here has no closing quote")
    end = len(text.rstrip())
    if said.startswith("Cannot") and (found := explain(text, end, said)):
        return Mistake(text.count("\n", 0, end) + 1, found[1])
    if not said.startswith("Unclosed array"):
        return Mistake(text.count("\n", 0, end) + 1, message)
    opened = statement_before(text, max(0, end - 1))
    return Mistake(text.count("\n", 0, opened) + 1, 'the list that opens here is not closed with "]"')


def _line_of_digits(text: str) -> int:
    found = re.search(r"[0-9_]{1000}", text)
    return text.count("\n", 0, found.start() if found else 0) + 1
