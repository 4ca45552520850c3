"""What all commands have in common: help with an example, JSON where something is shown, no colour in a pipe."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from appliance.base.errors import Fault
from appliance.cli.main import command as appliance
from appliance.cli.main import run
from tests.cli.terminal import on_a_terminal

# They say nothing for a machine: they wait on a terminal or serve, show a secret once, write a file that has its own
# form, or print one.
WITHOUT_JSON = {
    "run", "open", "passcode", "completion", "config schema", "keys kit", "keys export", "keys new",
    "evidence open", "lamps test",
}  # fmt: skip


# What they have to be given, to get as far as the configuration.
GIVEN = {
    "echo": ["pacs"], "queue drain": ["pacs"], "queue hold": ["pacs"], "queue release": ["pacs"],
    "queue show": ["pacs"], "certs install": ["/dev/null"], "certs issue": ["CT", "--name", "ct.example"],
    "certs revoke": ["CT"], "certs trust": ["/dev/null"], "certs crl": ["/dev/null"], "blocks release": ["10.0.0.1"],
    "sensor": ["--pcap", "/dev/null"],
    "vault hold": ["0" * 32], "vault release": ["0" * 32], "vault show": ["0" * 32],
    "vault open": ["0" * 32, "-o", "/nonexistent/file"], "vault export": ["/nonexistent/directory"],
}  # fmt: skip


def walk(
    command: click.Command, name: str, context: click.Context | None = None
) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(command, info_name=name, parent=context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            if not inner.hidden:
                yield f"{name} {each}".strip(), inner
                yield from ((f"{name} {more}".strip(), found) for more, found in walk(inner, each, context)
                            if isinstance(inner, click.Group))  # fmt: skip


def names(command: click.Command) -> dict[str, click.Command]:
    found = {}
    for path, each in walk(command, ""):
        found[path] = each
    return found


def _options(command: click.Command) -> set[str]:
    return {each for parameter in command.params for each in parameter.opts}


EVERY = names(appliance)
LEAVES = {name: each for name, each in EVERY.items() if not isinstance(each, click.Group)}


def test_there_are_many() -> None:
    assert len(LEAVES) > 30
    assert "certs install" in LEAVES and "queue list" in LEAVES


@pytest.mark.parametrize("name", EVERY)
def test_its_help_has_an_example_that_the_command_line_takes(name: str) -> None:
    text = EVERY[name].help or ""
    found = re.search(r"^\s*Example: (appliance [^\n]+(?:\n(?!\s*\n)[^\n]+)*)", text, re.MULTILINE)
    assert found, f"appliance {name} --help has no Example: line"
    words = shlex.split(found[1].partition(" > ")[0].partition(" | ")[0])
    assert words[0] == "appliance"
    mine = name.split()
    assert words[1 : 1 + len(mine)] == mine, words
    if name in LEAVES:
        rest = words[1 + len(mine) :]
        options = {each for parameter in LEAVES[name].params for each in (*parameter.opts, *parameter.secondary_opts)}
        assert {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)} <= options, words


@pytest.mark.parametrize("name", sorted(set(LEAVES) - WITHOUT_JSON))
def test_what_shows_something_shows_it_to_machines_too(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in LEAVES[name].params), f"appliance {name} has no --json"


class _AnyPath(click.Path):
    """Whatever is named is there."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        return Path(value) if self.type is Path else value


@pytest.mark.parametrize("name", LEAVES)
def test_its_example_is_understood(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the command's own parser, but for files of which it speaks: they need not be there."""
    monkeypatch.setattr(click.Path, "convert", _AnyPath.convert)
    text = " ".join(re.sub(r"\n(?!\s*\n)\s*", " ", LEAVES[name].help or "").split("\n")[-1].split())
    line = text[text.index("Example: appliance ") :].removeprefix("Example: appliance ")
    line = re.split(r" (?:[>|]|&&) ", line)[0]
    words = [each.replace("3f0c9a…", "0" * 32) for each in shlex.split(line)[len(name.split()) :]]
    context = LEAVES[name].make_context(name, words)
    assert not context.args


@pytest.mark.parametrize("name", sorted(name for name in LEAVES if {"--json", "--config"} <= _options(LEAVES[name])))
def test_where_there_is_no_result_a_machine_is_told_why(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = run([*name.split(), *GIVEN.get(name, []), "--json", "--config", "/nonexistent/appliance.toml"])
    said = capsys.readouterr()
    answer = json.loads(said.out)
    if name == "init":  # it reads none
        assert answer["error"]["fault"] == "usage"
        return
    if name == "check":  # whose answer it is
        assert status == 78 and answer["mistakes"]
        return
    assert set(answer) == {"error"} and answer["error"]["exit_status"] == status
    assert answer["error"]["message"] and answer["error"]["fault"] in {each.value for each in Fault} | {"usage"}
    assert "appliance: error: " in said.err and "Traceback" not in said.err
    if status == 78:
        assert answer["error"]["problems"][0]["file"] == "/nonexistent/appliance.toml"


@pytest.mark.parametrize("name", EVERY)
def test_its_verb_and_words_are_of_one_kind(name: str) -> None:
    command = EVERY[name]
    assert re.fullmatch(r"[a-z][a-z-]*", name.split()[-1])
    assert (command.help or "").split("\n")[0].split()[0][0].isupper()
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{name} {parameter.opts}"
            assert parameter.help[0].isupper() or parameter.help[0] in '["(', parameter.help


def test_who_wants_no_colours_has_none_on_a_terminal_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in on_a_terminal("check", "--config", "/nonexistent").seen
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_a_terminal("check", "--config", "/nonexistent").seen
    assert "error" in plain and "\x1b[" not in plain


@pytest.mark.parametrize(("colour", "seen"), [({}, False), ({"NO_COLOR": "1"}, False)])
def test_no_colour_goes_into_a_pipe(colour: dict[str, str], seen: bool) -> None:
    command = [sys.executable, "-m", "appliance", "check", "--config", "/nonexistent"]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **colour})
    assert (b"\x1b[" in done.stderr + done.stdout) is seen
    assert done.returncode == 78


@pytest.mark.parametrize("name", sorted(name for name, each in EVERY.items() if isinstance(each, click.Group)))
def test_the_list_of_a_group_cuts_no_sentence_off(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2]
    assert listed and "..." not in listed
