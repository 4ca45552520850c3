"""`appliance status`: what works, what does not, since when, what to do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_option
from appliance.cli.output import terminal, write_json, write_json_line
from appliance.config.places import places_of
from appliance.panel.desk import ask
from appliance.panel.health.words import span

_EVERY = 2.0


@click.command(name="status")
@config_option
@json_option
@click.option("--watch", is_flag=True, help="Show it again every two seconds, until Ctrl-C.")
def command(path: Path, as_json: bool, watch: bool) -> None:
    """Show what works, what does not, since when, and what to do.

    Exit status: 0 all well, 1 something needs a person, 70 the appliance does not answer.

    Example: appliance status --watch
    """
    runtime = places_of(path).runtime_dir
    if watch:
        _watch(runtime, as_json)
    status = ask(runtime)
    if as_json:
        write_json(status)
    else:
        from appliance.cli.status_screen import screen

        console = terminal()
        for part in screen(status, time.time()):
            console.print(part)
    raise SystemExit(1 if bad(status) else 0)


def bad(status: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings that need a person, the worst first."""
    found = [finding for finding in status["findings"] if finding["level"] != "ok"]
    return sorted(found, key=lambda finding: str(finding["level"]))  # "alarm" before "warn"


def age(seconds: float) -> str:
    """A duration as people say it: "40 s", "3 min", "2 h", "5 d"."""
    return span(seconds)


def _watch(runtime: Path, as_json: bool) -> None:
    """For ever; for machines one document a line."""
    from appliance.cli.status_screen import screen

    console = terminal()
    while True:
        status = ask(runtime)
        if as_json:
            write_json_line(status)
        else:
            if console.is_terminal:
                console.clear()
            for part in screen(status, time.time()):
                console.print(part)
        time.sleep(_EVERY)
