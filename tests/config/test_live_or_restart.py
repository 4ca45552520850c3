"""Every key there is: in force while programs run, or after a restart of which program; and editors are told so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.config.anatomy import inner_section
from appliance.config.changes import take_up
from appliance.config.destinations import KINDS
from appliance.config.load import parse_config
from appliance.config.model import Config
from appliance.config.schema import json_schema
from appliance.config.section import Section
from appliance.programs.names import PROGRAMS
from tests.config.files import VALID

ALL = frozenset(PROGRAMS)
# Everything else is live. What a program opened at its start stays open; respond has to know [sensor] alone.
RESTART = {
    "appliance.state_dir": ALL,
    "appliance.runtime_dir": ALL,
    "receive.listen": {"receive"},
    "receive.listen_plain": {"receive"},
    "vault.index_key": {"receive", "forward"},
    "vault.identity": {"forward"},
    "sensor.interface": {"sensor"},
    "panel.metrics": {"panel"},
}
KINDS_OF_OTHERS = """
[[destination]]
name = "cloud"
kind = "stow"
url = "http://h/x"
[[destination]]
name = "archive"
kind = "object-store"
url = "file:///mnt/archive"
"""
CONFIG = parse_config((VALID + KINDS_OF_OTHERS).encode())


def keys(model: type[Section], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Of all kinds of destinations too, each key as the names on the way to it."""
    for name, field in model.model_fields.items():
        inner = inner_section(field.annotation)
        if name == "destination":
            yield from {key for kind in KINDS.values() for key in keys(kind, (*path, name))}
        elif inner:
            yield from keys(inner, (*path, name))
        yield (*path, name)


KEYS = sorted(set(keys(Config)))


def changed(section: Any, path: tuple[str, ...]) -> Any:
    """A copy in which something else stands at `path`: of a list, in the first item that may have it."""
    if not path:
        return object()
    if isinstance(section, tuple):
        at = next(index for index, each in enumerate(section) if path[0] in type(each).model_fields)
        return (*section[:at], changed(section[at], path), *section[at + 1 :])
    name, *rest = path
    inner = getattr(section, name, None)
    if not isinstance(inner, Section) and not (isinstance(inner, tuple) and inner and rest):
        rest = []  # it is not there, or is a value: then all of it is another
    return section.model_copy(update={name: changed(inner, tuple(rest))})


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_a_key_is_live_or_takes_a_restart(path: tuple[str, ...]) -> None:
    key = ".".join(path)
    after = changed(CONFIG, path)
    if len(path) == 1 and key in ("appliance", "receive", "vault", "sensor", "panel"):
        return  # as a whole these are what is in them, below
    asked = {}
    for program in PROGRAMS:
        taken, kept = take_up(CONFIG, after, program)
        asked[program] = kept
        assert (taken == after) == (not kept)
        assert (taken == CONFIG) == bool(kept)
    assert {program for program, kept in asked.items() if kept} == RESTART.get(key, set())
    assert all(kept in ((), (key,)) for kept in asked.values())


def test_all_of_them_are_looked_at() -> None:
    found = {".".join(path) for path in KEYS}
    assert found >= RESTART.keys() | {"peer.hours", "destination.oauth.scope", "route.when.quiet", "sensor.server.asks"}
    assert len(found) > 120


def test_editors_are_told_what_takes_a_restart() -> None:
    schema = json_schema()
    said = {
        f"{section}.{key}"
        for section, model in (("appliance", "Appliance"), ("receive", "Receive"), ("vault", "Vault"),
                               ("sensor", "Sensor"), ("panel", "Panel"))
        for key, value in schema["$defs"][model]["properties"].items()
        if "restart" in value.get("description", "")
    }  # fmt: skip
    assert said == RESTART.keys()
