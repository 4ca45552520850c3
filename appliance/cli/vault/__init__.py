"""`appliance vault`: the objects of this box. One file a command."""

from __future__ import annotations

import click

from appliance.cli.group import Commands
from appliance.cli.vault import export, hold, listing, opening, rebuild, rewrap, studies, verify


@click.group(name="vault", cls=Commands)
def command() -> None:
    """Show, check, open and keep what is stored.

    What reads or changes the ledger asks forward, which alone has it: `list`, `show`, `hold`, `release`, `rewrap`,
    `studies`. What reads objects needs the right to read the state directory; nothing shows patient data but `studies`,
    `open` and `export`.

    Example: appliance vault list
    """


for each in (
    listing.command,
    listing.show,
    studies.command,
    verify.command,
    opening.command,
    export.command,
    hold.command,
    hold.release,
    rewrap.command,
    rebuild.command,
):
    command.add_command(each)
