"""`appliance vault list` and `show`: which objects there are and what became of them. Never a name, date or UID."""

from __future__ import annotations

import itertools
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import LocalError
from appliance.cli import offers
from appliance.cli.options import config_option, json_lines_option, json_option
from appliance.cli.output import console, say, write_json, write_json_line
from appliance.cli.status import age
from appliance.cli.vault.asking import ObjectId, ask_forward, listed, peer_option, since_option
from appliance.config.places import places_of

_STATES = ("waiting", "leased", "held", "delivered", "present", "leaving", "lost", "quarantined")


@click.command(name="list")
@click.option("--destination", help="Owed to this [[destination]], or delivered to it.",
              shell_complete=offers.destinations)  # fmt: skip
@click.option("--state", type=click.Choice(_STATES), help="In this state, for a destination or as a file.")
@peer_option
@since_option
@click.option("--on-hold", is_flag=True, help="On hold.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="Objects at most.")
@config_option
@json_lines_option
def command(
    destination: str | None,
    state: str | None,
    peer: str | None,
    since: float | None,
    on_hold: bool,
    limit: int,
    path: Path,
    as_json: bool,
) -> None:
    """List objects, in the order in which they came. With --json each is one line, written as it is found.

    Example: appliance vault list --destination pacs --state held --since 36h
    """
    runtime = places_of(path).runtime_dir
    found = listed(runtime, destination=destination, state=state, peer=peer, since=since, on_hold=on_hold)
    shown = 0
    while batch := list(itertools.islice(found, min(limit - shown, 500))):
        shown += len(batch)
        if as_json:
            for each in batch:
                write_json_line(each)
        else:
            _print(batch)
        if shown == limit:
            if next(found, None):
                say(f"There are more than {limit}: narrow them down, or raise --limit.")
            break
    if not shown and not as_json:
        say("There is no such object.")


@click.command(name="show")
@click.argument("object_id", metavar="OBJECT", type=ObjectId())
@config_option
@json_option
def show(object_id: str, path: Path, as_json: bool) -> None:
    """Show one object and what became of it for each destination.

    Example: appliance vault show 3f0c9a…
    """
    found = ask_forward(places_of(path).runtime_dir, "object", object=object_id)["object"]
    if found is None:
        raise LocalError("there is no such object here", fix="It may have been delivered and forgotten.")
    if as_json:
        write_json(found)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(show_header=False)
    for name in ("object", "peer", "modality", "sop_class", "transfer_syntax", "size", "state"):
        table.add_row(name.replace("_", " "), escape(str(found[name])))
    for name in ("received", "proven", "hold"):
        table.add_row(name, _moment(found[name]) if found[name] else "no")
    for each in found["deliveries"]:
        words = [each["state"], f"{each['attempts']} attempts"]
        words += [f"0x{each['status']:04X}"] if each["status"] is not None else []
        words += [_moment(each["done"])] if each["done"] else []
        table.add_row(f"for {escape(each['destination'])}", escape(", ".join([*words, each["error"]]).strip(", ")))
    console().print(table)


def _print(batch: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("object", "received", "peer", "modality", "size", "deliveries"):
        table.add_column(heading, overflow="fold")
    for each in batch:
        states = [f"{one['destination']}: {one['state']}" for one in each["deliveries"]] or ["owed to nobody"]
        states += [each["state"]] if each["state"] != "present" else []
        states += ["on hold"] if each["hold"] else []
        received = f"{age(time.time() - each['received'])} ago"
        row = (each["object"], received, each["peer"], each["modality"], f"{each['size']:,}", ", ".join(states))
        table.add_row(*map(escape, row))
    console().print(table)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(sep=" ", timespec="seconds")
