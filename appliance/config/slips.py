"""What people write where TOML wants something else: habits of YAML, JSON and INI files, what word processors put in,
brackets and quotes that were forgotten. From the place where the parser stopped to a sentence that helps.

Nothing of the file is repeated: a line that is pasted by mistake may be a secret.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from appliance.config.lines import statement_before

_TYPOGRAPHIC = "“”„‟«»‘’‚‛`´"
_COMMENT = re.compile(r"//|;|--|/\*|<!--|%|'")
_CONFLICT = re.compile(r"<{7}|={7}|>{7}|\|{7}")
_TRUTH = re.compile(r"(?:true|false|yes|no|on|off)\b", re.IGNORECASE)
_NOTHING = re.compile(r"(?:none|null|nil|undefined)\b", re.IGNORECASE)
_NEXT = re.compile(r"\s*(?:[A-Za-z0-9_-]+\s*=|\[{1,2}[A-Za-z0-9_.-]+\]{1,2}\s*(?:#.*)?$)")
_BARE_VALUE = re.compile(r"=\s*([+-]?[0-9][^\s\"'\[\]{},#]*)")
_KEY = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_HIDDEN = re.compile(r"\s*#\s*\[{1,2}[A-Za-z0-9_.-]+\]")
_HEADER = re.compile(r"\s*\[")

IN_QUOTES = 'a text stands in "quotes"; only numbers, true and false go without'
_ON_ITS_LINE = "a text must close with a quote on the line where it opens"
_HASH = 'a comment begins with "#"'
_BRACKETS = 'a section stands in as many "[" as "]"'
_YAML_LIST = 'a list is not written as in YAML, but in brackets: key = ["a", "b"]'
_ONE_LINE = (
    "a table in braces stands on one line, with commas between its keys and none at its end; or give it a section of "
    "its own, like [route.when]"
)


class Stop:
    """Where the parser stopped: `said` is its word, `at` an offset into `text`."""

    def __init__(self, text: str, at: int, said: str) -> None:
        self.text = text
        self.at = at
        self.said = said
        begin = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        self.line = text[begin : end if end >= 0 else len(text)]
        self.rest = self.line[at - begin :].strip()
        self.before = self.line[: at - begin]
        self.statement = statement_before(text, at)
        """The offset at which the statement begins that cannot be read."""

    @property
    def goes_on(self) -> bool:
        """Whether the statement began on a line before."""
        return self.statement < self.at - len(self.before)


def explain(text: str, at: int, said: str) -> tuple[int, str] | None:
    """Where to point, as an offset, and what to say; None where nothing better is known than the parser's own words."""
    stop = Stop(text, at, said)
    if (found := _odd_character(stop)) is not None:
        return at, found
    if (found := _unclosed(stop)) is not None:
        return stop.statement, found
    for begin, say in _BY_WORDS:
        if said.startswith(begin):
            return (at, answer) if (answer := say(stop)) else None
    return None


def opened_last(text: str, said: str) -> int | None:
    """The offset of the quote that has no end, where the parser came to the end of the text without it."""
    marks = ('"""', "'''") if said.startswith("Unterminated") else ("'''", "'") if "'" in said else ()
    found = [text.rfind(mark) for mark in marks]
    return max(found, default=-1) if max(found, default=-1) >= 0 else None


def _odd_character(stop: Stop) -> str | None:
    character = stop.text[stop.at] if stop.at < len(stop.text) else "\n"
    category = unicodedata.category(character)
    if character in _TYPOGRAPHIC:
        return 'that is a typographic quote, as word processors make it; a text stands in plain "quotes"'
    if character == "\r":
        return "a line ends with a lone carriage return; save the file with plain line ends"
    if category == "Zs" and character != " ":
        return f"the space here is a special one (U+{ord(character):04X}); type it anew"
    if category in ("Cf", "Co", "Cn"):
        return f"an invisible character (U+{ord(character):04X}) stands here; remove it"
    if category == "Cc" and character not in "\n\t":
        return "a control character stands here; save the file as plain text"
    return None


def _unclosed(stop: Stop) -> str | None:
    """A list or a table in braces ran on into the next line that is whole by itself."""
    if not stop.goes_on or not _NEXT.match(stop.line):
        return None
    opener = stop.text[stop.statement : stop.at].partition("=")[2].strip()[:1]
    return _ONE_LINE if opener == "{" else 'the list that opens here is not closed with "]"'


def _statement(stop: Stop) -> str | None:
    if _CONFLICT.match(stop.rest):
        return "that is the mark of a merge conflict; keep one of both sides, and remove the marks"
    if _COMMENT.match(stop.rest):
        return _HASH
    if stop.rest.startswith("- "):
        return _YAML_LIST
    if stop.rest.startswith(("{", "<")):
        name = "JSON" if stop.rest.startswith("{") else "XML"
        return f"that looks like {name}; the configuration is TOML: a [section], below it lines of key = value"
    if stop.rest.startswith("="):
        return 'the key before "=" is missing'
    return None


def _equals(stop: Stop) -> str | None:
    if stop.line.lstrip().startswith("- "):
        return _YAML_LIST
    if stop.line.lstrip().startswith("--"):
        return _HASH
    if stop.rest.startswith(":="):
        return 'a key is followed by "=" alone'
    if stop.rest.startswith(":"):
        if stop.rest == ":":
            return (
                "that looks like YAML; a section stands in brackets, like [receive], and keys are not indented under it"
            )
        return 'a key is followed by "=", not by ":"'
    if stop.rest.startswith("]"):
        return 'a section opens with "[" too'
    return _ONE_LINE if stop.goes_on else None


def _value(stop: Stop) -> str | None:
    if not stop.rest or stop.rest.startswith("#"):
        return 'the value behind "=" is missing; put "#" before a key that is to have its default'
    if _TRUTH.match(stop.rest):
        return "true and false are written in small letters, without quotes"
    if _NOTHING.match(stop.rest):
        return 'a key without a value is left out; put "#" before it'
    if stop.rest[0] in "=>":
        return 'one "=" stands between a key and its value'
    if stop.rest.startswith("("):
        return 'a list stands in brackets, ["a", "b"]'
    return IN_QUOTES


def _behind(stop: Stop) -> str | None:
    """Something stands behind a value."""
    if _COMMENT.match(stop.rest) and not stop.rest.startswith(("%", "'", "--")):
        lone = stop.rest == ";"
        return "no semicolon stands at the end of a line" if lone else _HASH
    if stop.rest.startswith("]") and _HEADER.match(stop.line):
        return _BRACKETS
    if number := _BARE_VALUE.search(stop.line):
        if re.fullmatch(r"[+-]?0[0-9]+", number[1]):
            return "a number is written without zeros before it"
        if re.match(r",[0-9]{3}", stop.rest):
            return "a number is written without commas"
        if not stop.before[-1:].isspace():
            return 'a duration, a share or an address stands in quotes, like "72h", "10%" or "10.20.0.11"'
    if stop.rest == ",":
        return "no comma stands at the end of a line"
    if re.match(r",\s*[\"']", stop.rest) and not re.match(r",\s*[\"'][^\"']*[\"']\s*=", stop.rest):
        return 'several values stand in brackets, ["a", "b"]'
    if stop.before.endswith("'") and stop.rest[:1].isalnum():
        return 'a text with an apostrophe in it stands in "double quotes"'
    return None


def _item(stop: Stop) -> str | None:
    """Neither a comma nor the end of a list."""
    if (re.search(r"[0-9]$", stop.before) and stop.rest[:1] in (".", ":", "/", "%")) or stop.rest[:1].isalnum():
        glued = stop.before[-1:] in ('"', "'")
        return "a quote is missing here, or one is too many" if glued else IN_QUOTES
    return "a comma is missing between two items of the list" if stop.rest[:1] in ('"', "'", "[", "{") else None


def _again(stop: Stop) -> str | None:
    """A key or a section that was there before."""
    lines = stop.text[: stop.at - len(stop.before)].splitlines()
    if stop.line.lstrip().startswith("[["):
        return "this section stood in one bracket before; write it in two brackets, [[…]], each time"
    if _HEADER.match(stop.line):
        if stop.line.count("[") != stop.line.count("]"):
            return _BRACKETS
        header = stop.line.partition("#")[0].strip()
        first = next((number for number, line in enumerate(lines, 1) if line.partition("#")[0].strip() == header), 0)
        where = f" (the first is in line {first})" if first else ""
        return f"this section stands here a second time{where}; only [[sections]] in two brackets may repeat"
    key = _KEY.match(stop.line)
    hidden = ""
    for number in range(len(lines), 0, -1):
        if not hidden and _HIDDEN.match(lines[number - 1]):
            hidden = f'; is the "#" before the section in line {number} one too many?'
        before = _KEY.match(lines[number - 1])
        if key and before and before[1] == key[1]:
            return f"this key stands here a second time; the first is in line {number}{hidden}"
        if _HEADER.match(lines[number - 1]):
            break
    return None


_BY_WORDS: tuple[tuple[str, Callable[[Stop], str | None]], ...] = (
    ("Invalid statement", _statement),
    ("Expected '=' after", _equals),
    ("Invalid value", _value),
    ("Expected newline", _behind),
    ("Unclosed array", _item),
    ("Cannot overwrite", _again),
    ("Cannot declare", _again),
    ("Found invalid character '\\n'", lambda _: _ON_ITS_LINE),
    ("Invalid initial character", lambda stop: _ONE_LINE if "{" in stop.text[stop.statement : stop.at] else None),
    ("Unclosed inline", lambda stop: _ONE_LINE if stop.goes_on or not stop.rest else None),
)
