"""`appliance lock`: have the running box forget its identity."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.places import places_of


@click.command(name="lock")
@config_option
@json_option
def command(path: Path, as_json: bool) -> None:
    """Lock deliveries that need plaintext: the instance that is under way goes on to its end, the next one waits.

    Reception goes on, and so does what takes sealed objects. `appliance unlock` ends it.

    Example: appliance lock
    """
    from appliance.delivery.control import ask, control_socket

    ask(control_socket(places_of(path).runtime_dir), {"op": "lock"})
    if as_json:
        write_json({"state": "locked"})
    say("Locked. What destinations take in plaintext waits until `appliance unlock`.")
