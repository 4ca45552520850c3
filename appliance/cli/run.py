"""`appliance run`: all programs under one supervisor and one user."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from appliance.cli.options import config_option
from appliance.config.load import load_config
from appliance.host import log


@click.command(name="run")
@config_option
def command(path: Path) -> None:
    """Run the appliance here: all programs, one user, until Ctrl-C.

    On an appliance, systemd's units run the programs instead: each has its own user there, so that the one which faces
    the network cannot read keys. Under this command that promise does not hold.

    Example: appliance run --config appliance.toml
    """
    os.umask(0o027)
    config = load_config(path)
    log.configure("run")
    sys.stderr.write("One user runs all programs: keys are not kept from the network side. The units do that.\n")
    from appliance.programs.supervisor import Supervisor

    raise SystemExit(Supervisor(config, path.absolute()).run())
