"""`appliance config`: the configuration as it counts, what was chosen in it, and its schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import LocalError
from appliance.cli.group import Commands
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config
from appliance.config.model import Config


@click.group(name="config", cls=Commands)
def command() -> None:
    """Show the configuration as it counts: `show`, `schema`. `appliance check` says what is wrong with it.

    Example: appliance config show --diff
    """


@command.command(name="show")
@click.option("--effective", "how", flag_value="effective", default=True, help="Everything, defaults included (this is "
              "the default).")  # fmt: skip
@click.option("--diff", "how", flag_value="diff", help="Only what differs from the defaults.")
@click.option("--passcodes", is_flag=True, help="The passcodes of user identities as they are kept, salted and hashed.")
@config_option
@json_option
def show(how: str, passcodes: bool, path: Path, as_json: bool) -> None:
    """Show what the file says, with every default, or only what differs from the defaults.

    The result is a file that loads to the same, where there are no passcodes or --passcodes shows them. Keys and other
    secrets are in files of their own, and never here. On standard error: which of the running programs have it in
    force.

    Example: appliance config show --diff
    """
    from appliance.config.written import departures, written

    config = load_config(path)
    document = departures(config) if how == "diff" else written(config)
    if not passcodes:
        _mask(document)
    if as_json:
        write_json(document)
    else:
        import tomli_w

        click.echo(tomli_w.dumps(document), nl=False)
    _tell(config)


def _mask(document: dict[str, Any]) -> None:
    """What somebody could try passcodes against is not for a screen, or a mail to who helps."""
    for peer in document.get("peer", ()):
        kept = peer.get("user_identity", {}).get("passcodes", {})
        kept.update(dict.fromkeys(kept, "(not shown)"))


def _tell(config: Config) -> None:
    """Who has it in force, where that can be asked."""
    from appliance.panel.desk import ask

    try:
        status = ask(config.appliance.runtime_dir)
    except (LocalError, OSError):
        return
    running: dict[str, Any] = {name: said for name, said in status["programs"].items() if said.get("state") == "ok"}
    running["panel"] = status.get("panel", {})
    for name, said in running.items():
        entry = said.get("config", {})
        if said.get("config_error") or entry.get("read") != config.digest:
            say(f"{name} has another configuration in force: {said.get('config_error') or 'it has not read this one'}")
        elif entry.get("restart"):
            say(f"{name} has it in force, but for {', '.join(entry['restart'])}: that takes a restart")
        else:
            say(f"{name} has it in force")


@command.command(name="schema")
def schema() -> None:
    """Print the JSON Schema of the configuration, with which editors complete keys and underline mistakes.

    With taplo or Even Better TOML, this as the first line of the file: #:schema /etc/appliance/appliance.schema.json

    Example: appliance config schema > /etc/appliance/appliance.schema.json
    """
    from appliance.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
