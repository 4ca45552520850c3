"""How the commands of the queues ask `forward`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from appliance.cli import offers
from appliance.cli.vault.asking import ask_forward
from appliance.config.places import places_of

destination_argument = click.argument("destination", required=False, shell_complete=offers.destinations)
one_destination_argument = click.argument("destination", shell_complete=offers.destinations)


def ask(path: Path, operation: str, **more: Any) -> dict[str, Any]:
    """One request. Raises LocalError when forward does not answer, or says no."""
    return ask_forward(places_of(path).runtime_dir, operation, **more)
