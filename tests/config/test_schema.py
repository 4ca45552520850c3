"""The schema for editors takes every file that loads, and underlines what an editor can know."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import jsonschema
import pytest
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from appliance.config.descriptions import DESCRIPTIONS
from appliance.config.load import parse_config
from appliance.config.schema import _WRITTEN, json_schema
from appliance.config.values import WRITTEN
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


def test_each_key_says_what_it_is_for() -> None:
    tables = {**SCHEMA["$defs"], "Config": SCHEMA}
    plain = {each["description"] for each in _WRITTEN.values()}
    for name, table in tables.items():
        for key, value in table["properties"].items():
            assert value.get("description", "") not in {"", *plain}, f"{name}.{key}"
    assert DESCRIPTIONS.keys() <= tables.keys()


# What people write, near to right and wrong, for every kind of value.
NEAR = """
EDGE01| EDGE01 |               EDGE01                 |1.2.840|1.2.0840|CT suite 2|CT|eth1|D04|104|a b|é|unlock
age1qqqqqqqqqq|AGE1QQQQQQQQQ|san:a.b|SAN:a.b|sha256:{hex}|credential:x|file:/x|file:x|/x| /x|scrypt:x
pacs.rad|[::1]|::1|fe80::1%e|pacs:104|pacs_1:0104|[::]:104|[fe80::1%e]:104|pacs:1000000|edge:green:ready|.hidden
15m|15min| 72h |72 h|1.5h|.5h|500ms|7d|1w|10%|10 GiB|10G|0.1%|20Mbit/s| 20 Mbit/s Mon
10.0.0.0/8|10.0.0.1|2001:db8::/32|10.0.0.0/255.0.0.0|06:00-22:00|6:00 - 22:00,23:00-24:00|Mon-Fri 18:00-07:00, Sat
tls://h:1|TLS://h:1|https://h/x|HTTPS://h/x|http://h:80| https://h:1|ftp://h:21|s3://bucket/p|file:///x|S3://bucket
"""


@pytest.mark.parametrize("read", _WRITTEN, ids=lambda read: read.__name__)
def test_whatever_a_reader_takes_fits_the_schema(read: Any) -> None:
    validator = jsonschema.Draft202012Validator(_WRITTEN[read])
    values = [each.format(hex="aB:" * 31 + "01") for line in NEAR.strip("\n").split("\n") for each in line.split("|")]
    taken = []
    for value in (*values, 104, 0, 70000, True, 1.5, ["x"], {}):
        try:
            TypeAdapter(Annotated[Any, BeforeValidator(read)]).validate_python(value, context=WRITTEN)
        except ValidationError:
            continue
        taken.append(value)
        assert validator.is_valid(value), value
    assert taken or read.__name__ == "parse_passcode"


def test_each_kind_of_value_has_words_of_its_own() -> None:
    def walk(node: Any) -> list[dict[str, Any]]:
        found = [node] if isinstance(node, dict) and node.get("type") == "string" else []
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        return found + [each for item in inner for each in walk(item)]

    assert [
        each for each in walk(SCHEMA) if "description" not in each and "enum" not in each and "const" not in each
    ] == []
    assert len(_WRITTEN) > 20
