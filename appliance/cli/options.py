"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path

import click

from appliance.base.errors import ConfigError

DEFAULT_CONFIG = Path("/etc/appliance/appliance.toml")


def _readable(context: click.Context, option: click.Parameter, path: Path) -> Path:
    """Has it said kindly where it is another's: what is missing then is a right, not a word of the command line."""
    try:
        path.stat()
        refused = not os.access(path, os.R_OK)
    except OSError as error:
        refused = isinstance(error, PermissionError)  # of anything else whoever loads it says what is wrong
    if refused:
        raise ConfigError(f"we may not read {path}", fix="Run this as root (sudo), or have its owner let you.")
    return path


config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    callback=_readable,
    default=DEFAULT_CONFIG,
    envvar="APPLIANCE_CONFIG",
    show_default=True,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for machines.")
json_lines_option = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON, one document a line, for machines."
)
