"""The schema for editors takes every file that loads, and underlines what an editor can know."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from appliance.config.load import parse_config
from appliance.config.schema import _WRITTEN, json_schema
from tests.config.files import VALID

REPOSITORY = Path(__file__).parents[2]
SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def mistakes(text: str) -> list[str]:
    return [f"{'.'.join(map(str, each.path))}: {each.message}" for each in VALIDATOR.iter_errors(tomllib.loads(text))]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"].keys() == {
        "appliance", "receive", "peer", "vault", "destination", "route", "sensor", "alerts", "panel"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["firmware-config/appliance.toml", "a file with each key"])
def test_what_loads_fits_it(name: str) -> None:
    text = (REPOSITORY / name).read_text() if name.endswith(".toml") else VALID
    assert mistakes(text) == []


def test_the_file_with_each_key_loads_too() -> None:
    parse_config(VALID.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ae_title = ", "ae_titel = "),
        ('tls = "required"', 'tls = "requierd"'),
        ("workers = 0", 'workers = "0"'),
        ('keep = "72h"', "keep = 72"),
        ('addresses = ["2001:db8::/64"]', 'addresses = "2001:db8::/64"'),
        ('client_ca = "/etc', 'client_ca = "etc'),
        ('certificate = "san:', 'certificate = "name:'),
        ("accept = true", 'accept = "yes"'),
    ],
)
def test_it_underlines_mistakes(before: str, after: str) -> None:
    assert before in VALID
    assert mistakes(VALID.replace(before, after, 1))


def test_each_kind_of_value_has_words_of_its_own() -> None:
    def walk(node: Any) -> list[dict[str, Any]]:
        found = [node] if isinstance(node, dict) and node.get("type") == "string" else []
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return found + [each for item in inner for each in walk(item)]

    assert [
        each for each in walk(SCHEMA) if "description" not in each and "enum" not in each and "const" not in each
    ] == []
    assert len(_WRITTEN) > 20
