"""`appliance program NAME`: one program, as its unit or the supervisor starts it."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from appliance.config.load import load_config
from appliance.host import dumps, libraries, log
from appliance.programs.names import PROGRAMS


@click.command(name="program", hidden=True)
@click.argument("name", type=click.Choice(PROGRAMS))
@click.option("--config", "path", type=click.Path(path_type=Path), required=True)
def command(name: str, path: Path) -> None:
    """Run one program until it is told to stop."""
    dumps.forbid_dumps()  # plaintext or keys pass through the memory of most of them, and no unit may be there
    dumps.tell_where()
    log.configure(name)
    libraries.silence()
    config = load_config(path)
    program = importlib.import_module(f"appliance.programs.{name}")
    raise SystemExit(program.main(config, path))
