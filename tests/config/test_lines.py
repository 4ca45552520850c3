from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config.lines import Lines

TEXT = """\
# a comment with [brackets] and "quotes
top = 1

[appliance]  # behind
ae_title = "EDGE01"
'quoted key' = 2
"esc\\u0061ped" = 3
a.b . "c" = 4
many = [
  "one",  # [not] a table = 1
  { x = 1, y.z = [ 2,
    3 ] },
  \"\"\"three
  = still "three\\\"\"\"
  \"\"\"\"\",
  '''four
[peer]
''',
  1979-05-27 07:32:00Z,
]
after = true

[[peer]]
name = "one"
[peer.where]
deep = 1
[[peer.port]]
n = 1
[[peer.port]]
n = 2

[[peer]]
name = "two"
  [[peer.port]]
  n = 3
[ "odd" . name ]
x = -1.5e3
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("appliance",), 4),
        (("appliance", "ae_title"), 5),
        (("appliance", "quoted key"), 6),
        (("appliance", "escaped"), 7),
        (("appliance", "a"), 8),
        (("appliance", "a", "b", "c"), 8),
        (("appliance", "many"), 9),
        (("appliance", "many", 0), 10),
        (("appliance", "many", 1), 11),
        (("appliance", "many", 1, "y", "z", 1), 12),
        (("appliance", "many", 2), 13),
        (("appliance", "many", 3), 16),
        (("appliance", "many", 4), 19),
        (("appliance", "after"), 21),
        (("peer",), 23),
        (("peer", 0), 23),
        (("peer", 0, "name"), 24),
        (("peer", 0, "where"), 25),
        (("peer", 0, "where", "deep"), 26),
        (("peer", 0, "port", 0, "n"), 28),
        (("peer", 0, "port", 1, "n"), 30),
        (("peer", 1), 32),
        (("peer", 1, "name"), 33),
        (("peer", 1, "port", 0), 34),
        (("odd", "name", "x"), 37),
        (("appliance", "nothing"), 4),
        (("peer", 1, "nothing", 7, "at all"), 32),
        (("nowhere",), 1),
        ((), 1),
    ],
)
def test_a_place_is_found_on_its_line(path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line


def test_windows_line_ends_count_once() -> None:
    assert Lines(TEXT.replace("\n", "\r\n")).of(("peer", 1, "name")) == 33


@pytest.mark.parametrize("text", ["", "[", "x = ", "x = [1,", '"', "[[a", "a = {b", "x = [1 2]", "= 1", "]" * 9])
def test_text_that_is_not_toml_gives_some_line(text: str) -> None:
    assert Lines(text).of(("x", 0)) == 1


def test_deep_nesting_falls_back_to_the_key() -> None:
    text = "a = 1\nx = " + "[" * 100_000
    assert Lines(text).of(("x", 0, 0, "y")) == 2


# A document with a number at each leaf, written in one of the styles that TOML has, and read back by its lines.

KEYS = st.text("ab-", min_size=1, max_size=3) | st.sampled_from(["peer", "a.b", 'q"', "sp ace", "é", "#", "="])


def values(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
    )


LEAVES = st.sampled_from(["number", '"""', "'''", '"', "'"])
TABLES = st.dictionaries(KEYS, values(LEAVES), max_size=4)
DOCUMENTS = st.dictionaries(KEYS, values(LEAVES) | TABLES | st.lists(TABLES, min_size=1, max_size=3), max_size=5)


class Writer:
    """Writes a document and counts its leaves: each gets a text of its own to be found by."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.leaves = 0

    def put(self, text: str) -> None:
        first, *rest = text.split("\n")
        self.lines[-1] += first
        self.lines += rest

    def key(self, key: str) -> str:
        return (
            key if key.isascii() and key.replace("-", "").isalnum() else f'"{key.replace(chr(34), chr(92) + chr(34))}"'
        )

    def value(self, value: Any, breaks: bool) -> None:
        if isinstance(value, list):
            self.put("[ # ]\n" if breaks else "[")
            for each in value:
                self.value(each, breaks)
                self.put(",\n" if breaks else ", ")
            self.put("]")
        elif isinstance(value, dict):
            self.put("{")
            for index, (key, each) in enumerate(value.items()):
                self.put((", " if index else "") + self.key(key) + " = ")
                self.value(each, False)
            self.put("}")
        else:
            self.leaves += 1
            mark = f"<{self.leaves}>"
            written = {
                "number": f'"{mark}"',
                '"""': f'"""{mark}\n[x]\ny = "" 1\\""""',
                "'''": f"'''{mark}\n# ]\n'''''",
                '"': f'"{mark} # \\" ]"',
                "'": f"'{mark} = [ \"'",
            }
            self.put(written[value])

    def document(self, document: dict[str, Any], breaks: bool) -> str:
        plain = {k: v for k, v in document.items() if not self.is_table(v) and not self.is_array(v)}
        self.pairs(plain, breaks)
        for key, value in document.items():
            if self.is_array(value):
                for each in value:
                    self.put(f"[[ {self.key(key)} ]] # <\n")
                    self.pairs(each, breaks)
            elif self.is_table(value):
                self.put(f"\n[{self.key(key)}]\n")
                self.pairs(value, breaks)
        return "\n".join(self.lines)

    def pairs(self, table: dict[str, Any], breaks: bool) -> None:
        for key, value in table.items():
            self.put(f"{self.key(key)}= ")
            self.value(value, breaks)
            self.put("\n")

    def is_table(self, value: Any) -> bool:
        return isinstance(value, dict)

    def is_array(self, value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))
    else:
        yield path, value


@given(DOCUMENTS, st.booleans())
def test_each_value_of_any_document_is_found_on_the_line_that_says_it(document: dict[str, Any], breaks: bool) -> None:
    text = Writer().document(document, breaks)
    lines = text.split("\n")
    for path, value in leaves(tomllib.loads(text)):
        mark = value[: value.index(">") + 1]
        assert mark in lines[Lines(text).of(path) - 1]


@given(st.text("[]{}=,.\"'#\\\n ab1", max_size=60))
def test_any_text_has_lines(text: str) -> None:
    assert 1 <= Lines(text).of(("a", 0, "b")) <= text.count("\n") + 1
