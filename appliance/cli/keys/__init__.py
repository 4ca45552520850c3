"""`appliance keys`: the keys of this box. One file a command."""

from __future__ import annotations

import click

from appliance.cli.group import Commands
from appliance.cli.keys import export, kit, new, rotate, show


@click.group(name="keys", cls=Commands)
def command() -> None:
    """Show, make, rotate and export keys: `show`, `new`, `rotate`, `export`, `kit`.

    Example: appliance keys show
    """


for each in (show.command, new.command, rotate.command, export.command, kit.command):
    command.add_command(each)
