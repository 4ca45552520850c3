"""`appliance blocks`: whom `respond` blocks, and letting them in again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import LocalError
from appliance.cli.group import Commands
from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, say, write_json
from appliance.cli.status import age
from appliance.config.load import load_config
from appliance.host.control import ask


@click.group(name="blocks", cls=Commands)
def command() -> None:
    """Show and end blocks: `list`, `release`. Only root and respond's own user may ask.

    Example: appliance blocks list
    """


def _ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    from appliance.programs.respond import control_path

    config = load_config(path)
    if config.sensor is None or config.sensor.respond == "off":
        raise LocalError(
            "this box blocks nobody",
            fix='respond = "dry-run" or "block" in [sensor] changes that; see firmware-config/appliance.toml.',
        )
    return ask(control_path(config.appliance.runtime_dir), request, who="respond")


@command.command(name="list")
@config_option
@json_option
def list_blocks(path: Path, as_json: bool) -> None:
    """Show who is blocked, since when, why, until when, and how many packets that stopped.

    Example: appliance blocks list
    """
    state = _ask(path, {"op": "blocks"})
    if as_json:
        write_json(state)
        return
    from rich.table import Table

    now, table = time.time(), Table()
    for heading in ("address", "because of", "since", "for another", "packets stopped"):
        table.add_column(heading)
    for block in state["blocks"]:
        stopped = "(dry-run)" if block["dry_run"] else str(block["packets"])
        since, rest = age(max(0.0, now - block["since"])), age(max(0.0, block["until"] - now))
        table.add_row(block["address"], block["rule"] or "?", f"{since} ago", rest, stopped)
    console().print(table if state["blocks"] else "Nobody is blocked.")
    if "protects" in state:
        mode = "nothing is really blocked (dry-run)" if state["mode"] == "dry-run" else state["protects"]
        say(f"{mode[0].upper()}{mode[1:]}.")


@command.command(name="release")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--all", "everybody", is_flag=True, help="Release all that are blocked.")
@config_option
@json_option
def release(addresses: tuple[str, ...], everybody: bool, path: Path, as_json: bool) -> None:
    """Let ADDRESS in again, or with --all everybody. What it did before may have it blocked again.

    Exit status: 0 released, 1 an address was not blocked.

    Example: appliance blocks release 10.20.0.99
    """
    if bool(addresses) == everybody:
        raise click.UsageError("name addresses, or --all for everybody")
    requests: list[dict[str, Any]] = [{"all": True}] if everybody else [{"address": each} for each in addresses]
    released = [each for request in requests for each in _ask(path, {"op": "release", **request})["released"]]
    if as_json:
        write_json({"released": released})
    else:
        click.echo(f"Released: {', '.join(released) or 'nobody'}.")
    if len(released) < len(addresses):
        raise SystemExit(1)
