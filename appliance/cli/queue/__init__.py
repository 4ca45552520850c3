"""`appliance queue`: what waits for the destinations, and steering it. One file a sort of command."""

from __future__ import annotations

import click

from appliance.cli.group import Commands
from appliance.cli.queue import drain, listing, showing, steering


@click.group(name="queue", cls=Commands)
def command() -> None:
    """Show and steer deliveries.

    All of it asks forward, which alone has the queues, and only root and forward's own user may. Nothing shows patient
    data.

    Example: appliance queue list
    """


for each in (
    listing.list_queues,
    showing.show,
    listing.list_held,
    steering.retry,
    steering.hold,
    steering.release,
    drain.drain,
):
    command.add_command(each)
