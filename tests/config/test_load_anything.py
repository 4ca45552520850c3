"""Whatever the file holds, loading gives a configuration or its own error, with lines that exist and plain words."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from tests.config.files import VALID

LINES = VALID.splitlines(keepends=True)
KEYS = sorted({line.split("=")[0].strip() for line in LINES if "=" in line})

numbers = st.integers().map(str) | st.floats().map(str) | st.sampled_from(["0x" + "f" * 9000, "1_0", "+inf", "nan"])
texts = st.text(max_size=20).map(lambda text: "'" + text.replace("'", "").replace("\n", "") + "'")
odd_texts = st.sampled_from(
    ['"99999999999999999h"', '"1e9GiB"', '"999999999999TiB"', '"[::]:99999999"', '"[::1%a]:1"', '"/\\u0000"', '"٣h"',
     '"sha256:"', '"san:"', '"file:/"', '"10.0.0.0/8/8"', '"fe80::1%eth0"', '"\\ud7ff"', '""', '"a:b:1"', '"[]:1"']
)  # fmt: skip
dates = st.sampled_from(["1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "true"])
values = st.recursive(
    numbers | texts | odd_texts | dates,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key} = {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=4,
)
headers = st.sampled_from(["appliance", "receive", "peer", "vault", "destination", "route", "sensor", "panel", "x.y"])


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """The valid file after a few edits of the sort that hands and editors make, and some that nobody makes."""
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["value", "delete", "copy", "add", "header", "cut", "move"])):
            case "value" if "=" in lines[at]:
                lines[at] = f"{lines[at].split('=')[0]}= {draw(values)}\n"
            case "delete":
                lines[at] = ""
            case "copy":
                lines[at:at] = lines[draw(st.integers(0, len(lines) - 1)) : at]
            case "add":
                lines.insert(at, f"{draw(st.sampled_from(KEYS))} = {draw(values)}\n")
            case "header":
                name = draw(headers)
                lines.insert(at, draw(st.sampled_from([f"[{name}]\n", f"[[{name}]]\n"])))
            case "cut":
                lines[at] = lines[at][: draw(st.integers(0, 30))]
            case _:
                lines.insert(at, lines.pop(draw(st.integers(0, len(lines) - 1))))
    return "".join(lines)


def loads_or_says_why(raw: bytes) -> None:
    try:
        parse_config(raw)
    except ConfigErrors as errors:
        assert errors.problems
        for problem in errors.problems:
            assert 1 <= problem.line <= raw.count(b"\n") + 1
            said = str(problem)
            assert said.isprintable()
            assert "pydantic" not in said and "Input should" not in said and "will not do here" not in said


@settings(max_examples=250, deadline=None)
@given(mutants())
def test_edits_of_a_valid_file(text: str) -> None:
    loads_or_says_why(text.encode("utf-8", "replace"))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*KEYS, "appliance", "peer", "vault", "route", "destination"]), values))
def test_any_values_at_known_keys(document: dict[str, str]) -> None:
    loads_or_says_why("".join(f"{key} = {value}\n" for key, value in document.items()).encode("utf-8", "replace"))


@given(st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=100))
def test_any_bytes(raw: bytes) -> None:
    loads_or_says_why(raw)
