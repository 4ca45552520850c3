"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def as_in_config(parse: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that reads an option as the configuration reads such a value."""

    def callback(context: click.Context, option: click.Parameter, value: Any) -> Any:
        try:
            if value is None:
                return None
            return tuple(str(parse(each)) for each in value) if isinstance(value, tuple) else str(parse(value))
        except ValueError as error:
            raise click.BadParameter(str(error), context, option) from None

    return callback
