"""`appliance queue`: what waits for each destination, what is held and why, and trying it again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, write_json
from appliance.cli.status import age
from appliance.config.load import load_config
from appliance.delivery.control import ask, control_socket

destination_argument = click.argument("destination", required=False)


@click.group(name="queue")
def command() -> None:
    """Show and steer deliveries: `list`, `held`, `retry`. Only root and forward's own user may ask."""


def _ask(path: Path, operation: str, destination: str | None = None) -> dict[str, Any]:
    request = {"op": operation, **({"destination": destination} if destination else {})}
    return ask(control_socket(load_config(path).appliance.runtime_dir), request)


@command.command(name="list")
@config_option
@json_option
def list_queues(path: Path, as_json: bool) -> None:
    """Show how much waits for each destination, and what stops it.

    Example: appliance queue list
    """
    state = _ask(path, "queue")
    if as_json:
        write_json(state)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("destination", "waiting", "on their way", "held", "delivered", "oldest", "what stops it"):
        table.add_column(heading)
    for name, queue in state["destinations"].items():
        oldest = age(time.time() - queue["oldest"]) if queue["oldest"] else ""
        counts = (str(queue[key]) for key in ("waiting", "leased", "held", "delivered"))
        table.add_row(escape(name), *counts, oldest, escape(queue["error"]))
    console().print(table)


@command.command(name="held")
@destination_argument
@config_option
@json_option
def list_held(destination: str | None, path: Path, as_json: bool) -> None:
    """Show what is held for a person, and why; for one DESTINATION or for all.

    Example: appliance queue held pacs
    """
    held = _ask(path, "held", destination)["held"]
    if as_json:
        write_json(held)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("object", "destination", "received", "attempts", "reason"):
        table.add_column(heading, overflow="fold")
    for each in held:
        received = f"{age(time.time() - each['received'])} ago"
        table.add_row(
            each["object"], escape(each["destination"]), received, str(each["attempts"]), escape(each["reason"])
        )
    console().print(table if held else "Nothing is held.")


@command.command(name="retry")
@destination_argument
@config_option
@json_option
def retry(destination: str | None, path: Path, as_json: bool) -> None:
    """Send on what is held, for one DESTINATION or for all: what stood in the way was mended.

    Example: appliance queue retry pacs
    """
    released = _ask(path, "retry", destination)["released"]
    if as_json:
        write_json({"released": released})
    else:
        click.echo(f"{released} deliveries are on their way again.")
