"""`appliance inventory`: who speaks DICOM to whom, how, and since when. A table, JSON, or a page with a picture."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, say, write_json
from appliance.cli.pcap import inspect_file, own_option, registry_of
from appliance.config.load import load_config

if TYPE_CHECKING:
    from appliance.inspection.inventory import Inventory
    from appliance.inspection.inventory_entries import Talk


@click.command(name="inventory")
@click.option(
    "--pcap", type=click.Path(path_type=Path, dir_okay=False), help="A capture, instead of what the sensor remembers."
)
@config_option
@json_option
@click.option("--html", "as_html", is_flag=True, help="Write a page with a picture of who talks to whom.")
@own_option
def command(pcap: Path | None, path: Path, as_json: bool, as_html: bool, own: tuple[str, ...]) -> None:
    """Show the devices that speak DICOM on the watched network: an asset inventory, and a map of where images travel.

    The sensor remembers it in state_dir, across restarts; it holds AE titles and addresses, and no patient data.

    Example: appliance inventory --html > map.html
    """
    if as_json and as_html:
        raise click.UsageError("--json and --html: choose one of them")
    config = load_config(path)
    if pcap is not None:
        inventory = inspect_file(pcap, registry_of(config, own))[0].inventory
    else:
        from appliance.capture.inventory_file import NAME, read_inventory

        inventory = read_inventory(config.appliance.state_dir / "alerts" / NAME)
    if as_json:
        write_json(inventory.as_dict())
    elif as_html:
        from appliance.cli.inventory_page import page

        click.echo(page(list(inventory.talks), list(inventory.hosts)), nl=False)
    else:
        _show(inventory)


def _counts(talk: Talk) -> str:
    lines = [str(talk.accepted)]
    lines += [f"{talk.rejected} rejected"] if talk.rejected else []
    return "\n".join([*lines, *([f"{talk.stored} instances"] if talk.stored else [])])


def sorted_talks(talks: list[Talk]) -> list[Talk]:
    """By server, then by client."""
    return sorted(talks, key=lambda each: (each.server, each.port, each.client, each.calling, each.called))


def _show(inventory: Inventory) -> None:
    from rich.markup import escape
    from rich.table import Table

    talks = sorted_talks(list(inventory.talks))
    if not talks:
        say("The sensor has seen nobody speak DICOM yet. It writes down once a minute whom it saw.")
        return
    table = Table(title="Who speaks DICOM to whom", title_justify="left")
    for heading in ("caller", "server", "how", "associations", "used", "last seen"):
        table.add_column(heading, overflow="fold")
    for each in talks:
        table.add_row(
            escape(f"{each.calling or '?'}\n{each.client}"),
            escape(f"{each.called or '?'}\n{each.server} port {each.port}"),
            escape(each.tls_version or "TLS") if each.tls else "in clear",
            _counts(each),
            escape(", ".join(each.services)),
            datetime.fromtimestamp(each.last).astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    shown = console()
    shown.print(table)
    shown.print(f"{len(talks)} pairs; {len(inventory.hosts)} hosts announced an address.")
