"""`appliance inventory`: who speaks DICOM to whom, how, and since when. A table, JSON, or a page with a picture."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import console, counted, say, write_json
from appliance.cli.pcap import inspect_file, own_option, registry_of
from appliance.config.load import load_config

if TYPE_CHECKING:
    from rich.table import Table

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
        registry = registry_of(config, own)
        inventory = inspect_file(pcap, registry)[0].inventory
    else:
        from appliance.capture.inventory_file import NAME, read_inventory
        from appliance.capture.surroundings import look_around
        from appliance.inspection.registry import Registry

        inventory = read_inventory(config.appliance.state_dir / "alerts" / NAME)
        registry = registry_of(config, own) if own else Registry.build(config, look_around(config, inventory.talks))

    def name(address: str) -> str:
        return registry.names_at(ipaddress.ip_address(address))

    if as_json:
        write_json(inventory.as_dict())
    elif as_html:
        from appliance.cli.inventory_page import page

        click.echo(page(list(inventory.talks), list(inventory.hosts), name, list(inventory.devices)), nl=False)
    else:
        _show(inventory, name)


def _counts(talk: Talk) -> str:
    lines = [str(talk.accepted)]
    lines += [f"{talk.rejected} rejected"] if talk.rejected else []
    return "\n".join([*lines, *([f"{talk.stored} instances"] if talk.stored else [])])


def sorted_talks(talks: list[Talk]) -> list[Talk]:
    """By server, then by client."""
    return sorted(talks, key=lambda each: (each.server, each.port, each.client, each.calling, each.called))


def _show(inventory: Inventory, name: Callable[[str], str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    talks = sorted_talks(list(inventory.talks))
    if not talks:
        say("The sensor has seen nobody speak DICOM yet. It writes down once a minute whom it saw.")
        return
    table = Table(title="Who speaks DICOM to whom", title_justify="left")
    for heading in ("caller", "server", "how", "accepted", "used", "last seen"):
        table.add_column(heading, overflow="fold")
    for each in talks:
        table.add_row(
            _who(each.calling, each.client, name(each.client)),
            _who(each.called, f"{each.server} port {each.port}", name(each.server)),
            escape(each.tls_version or "TLS") if each.tls else "in clear",
            _counts(each),
            escape(", ".join(each.services)),
            datetime.fromtimestamp(each.last).astimezone().strftime("%Y-%m-%d %H:%M"),
        )
    shown = console()
    shown.print(table)
    shown.print(_devices(inventory, name))
    machines = {address for each in talks for address in (each.client, each.server)}
    strangers = sum(not name(address) for address in machines)
    shown.print(
        f"{counted(len(talks), 'pair')} of {counted(len(machines), 'machine')}, of which no entry names {strangers}; "
        f"{counted(len(inventory.hosts), 'host')} announced an address."
    )


def _devices(inventory: Inventory, name: Callable[[str], str]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from appliance.cli.inventory_devices import assets

    table = Table(title="What the callers run", title_justify="left")
    for heading in ("caller", "software", "system, by its TCP", "Ethernet address", "since"):
        table.add_column(heading, overflow="fold")
    for each in assets(inventory.devices, inventory.talks):
        table.add_row(
            _who(each.title, each.address, name(each.address)),
            escape(each.software),
            escape(each.system),
            escape("\n".join(each.macs)),
            datetime.fromtimestamp(each.first).astimezone().strftime("%Y-%m-%d"),
        )
    return table


def _who(title: str, where: str, name: str) -> str:
    from rich.markup import escape

    named = f"[dim]{escape(name)}[/dim]" if name else "[yellow]unlisted[/yellow]"
    return f"{escape(title or '?')}\n{escape(where)}\n{named}"
