"""Whatever the file holds, loading gives a configuration or its own error, with lines that exist and plain words."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from appliance.config.anatomy import inner_section, is_list
from appliance.config.destinations import KINDS
from appliance.config.errors import ConfigErrors
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.config.schema import json_schema
from tests.config.files import VALID

SCHEMA = Draft202012Validator(json_schema())
SHIPPED = (Path(__file__).parents[2] / "firmware-config" / "appliance.toml").read_text()
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
        assert SCHEMA.is_valid(tomllib.loads(raw.decode().removeprefix("\ufeff")))
    except ConfigErrors as errors:
        assert errors.problems
        for problem in errors.problems:
            assert 1 <= problem.line <= raw.count(b"\n") + 1
            said = str(problem)
            assert said.isprintable()
            assert (
                "pydantic" not in said
                and "this is not TOML" not in said
                and "Input should" not in said
                and "will not do here" not in said
            )


@settings(max_examples=250, deadline=None)
@given(mutants())
def test_edits_of_a_valid_file(text: str) -> None:
    loads_or_says_why(text.encode("utf-8", "replace"))


# What hands and editors put in, and what they leave out.
SLIPS = st.text("\"'“”‘’[]{}=:#,;.\\\n\t\r -–\u00a0\u200b\0\x0b/0aé", max_size=3)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([VALID, SHIPPED]), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), SLIPS), max_size=3))
def test_slips_of_the_hand(text: str, slips: list[tuple[float, int, str]]) -> None:
    for where, gone, put in slips:
        at = int(where * len(text))
        text = text[:at] + put + text[at + gone :]
    loads_or_says_why(text.encode())


# Tables as they are, with the keys that they have, and anything at them.

ANYTHING = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.dates() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=4,
)
GOOD: dict[str, list[Any]] = {
    "ae_title": ["EDGE01"], "ae_titles": [["CT1"], ["CT1", "MR1"]], "addresses": [["10.0.0.0/8"], ["10.1.1.1"]],
    "name": ["pacs", "CT"], "kind": list(KINDS), "address": ["pacs:104"], "to": [["pacs"], ["CT"]], "interface": ["e"],
    "recipients": [["age1" + "q" * 58]], "listen": [["[::]:2762"]], "listen_plain": [["[::]:104"]], "tls": ["never"],
    "services": [["commit"]], "url": ["s3://b1234", "https://h/x", "file:///x"], "syslog": ["tls://h:1"],
    "commitment": [{"address": "h:1", "ae_title": "C"}], "when": [{"peer": ["CT"]}], "ports": [[104]],
}  # fmt: skip


def tables(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    models = list(KINDS.values()) if model in KINDS.values() else [model]
    fields = {name: field for each in models for name, field in each.model_fields.items()}

    def at(name: str) -> st.SearchStrategy[Any]:
        inner = inner_section(fields[name].annotation)
        nested = [st.lists(tables(inner), max_size=2) if is_list(fields[name]) else tables(inner)] if inner else []
        return st.one_of(st.sampled_from(GOOD.get(name, ["/x", "5min", 7, "san:a"])), *nested, ANYTHING)

    needed = {name: at(name) for name, field in fields.items() if field.is_required()}
    return st.fixed_dictionaries({}, optional={name: at(name) for name in fields}) | st.fixed_dictionaries(
        needed, optional={name: at(name) for name in fields.keys() - needed.keys()}
    )


@settings(max_examples=120, deadline=None)
@given(tables(Config))
def test_trees_of_the_keys_that_there_are(document: dict[str, Any]) -> None:
    loads_or_says_why(tomli_w.dumps(document).encode("utf-8", "replace"))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*KEYS, "appliance", "peer", "vault", "route", "destination"]), values))
def test_any_values_at_known_keys(document: dict[str, str]) -> None:
    loads_or_says_why("".join(f"{key} = {value}\n" for key, value in document.items()).encode("utf-8", "replace"))


@given(st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=100))
def test_any_bytes(raw: bytes) -> None:
    loads_or_says_why(raw)
