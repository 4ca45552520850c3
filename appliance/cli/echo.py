"""`appliance echo`: does a destination answer, and if not, at which step and why."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.base.errors import ConfigError, UpstreamError
from appliance.cli import offers
from appliance.cli.options import config_option, json_option
from appliance.cli.output import write_json
from appliance.cli.queue.drain import Duration
from appliance.config.load import load_config
from appliance.config.model import Config
from appliance.config.words import nearest

if TYPE_CHECKING:
    from appliance.delivery.probe import Step

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "failed": ("✗", "red")}


@click.command(name="echo")
@click.argument("destination", metavar="NAME", shell_complete=offers.destinations)
@click.option("--timeout", type=Duration(), default="10s", show_default=True, help="For each step at most.")
@click.option("--calling", "calling_ae", metavar="AE", help="Associate with this AE title in the place of ours.")
@config_option
@json_option
def command(destination: str, timeout: float, calling_ae: str | None, path: Path, as_json: bool) -> None:
    """Try the destination NAME step by step: its name, TCP, TLS with its certificates, and an answer of its service.

    Does what a delivery does, with the same keys, trust and engine, and stores nothing. forward need not run. It has to
    read the keys of the destination: run it as root, or as the user of forward.

    Exit status: 0 it answers, 69 a step failed.

    Example: appliance echo pacs
    """
    from appliance.delivery.deadlines import Deadlines
    from appliance.delivery.probe_kinds import echo

    config = load_config(path)
    entry = next((each for each in config.destination if each.name == destination), None)
    if entry is None:
        names = [each.name for each in config.destination]
        raise ConfigError(
            f'there is no [[destination]] named "{destination}"{nearest(destination, names)}',
            fix=f"There are {', '.join(names)}." if names else "Add one to the configuration.",
        )
    title = calling_ae or _calling(config, getattr(entry, "calling_ae_title", "own"))
    unreadable = [str(each) for each in entry.shown or () if each.exists() and not os.access(each, os.R_OK)]
    if unreadable:
        raise ConfigError(f"we may not read {unreadable[0]}", fix="Run it as root, or as the user of forward.")
    waits = Deadlines(
        connect=timeout, handshake=timeout, association=timeout, write=timeout, response=timeout, message=timeout
    )
    shown = (lambda _: None) if as_json else _show
    if not as_json:
        click.echo(f"{entry.name}: {entry.kind}, {entry.where}")
    probe = echo(entry, title, replace(waits, release=min(timeout, waits.release)), shown)
    if as_json:
        steps: list[dict[str, Any]] = [step.as_dict() for step in probe.steps]
        where = {"destination": entry.name, "kind": entry.kind, "where": entry.where}
        write_json({**where, "ok": probe.ok, "steps": steps})
    raise SystemExit(0 if probe.ok else UpstreamError.exit_status)


def _calling(config: Config, whose: str) -> str:
    """Our own title, or where a destination is called as the peers are, that of the first of them."""
    if whose == "peer" and config.peer:
        return config.peer[0].ae_titles[0]
    return config.appliance.ae_title


def _show(step: Step) -> None:
    mark, colour = _MARKS[step.result]
    click.secho(mark, fg=colour, nl=False)
    click.echo(f" {step.name:<11} {step.seconds * 1000:8.1f} ms  {step.what}")
    for line in step.details:
        click.echo(f"{'':26}{line}")
    if step.hint:
        click.secho(f"{'':24}→ {step.hint}", fg=colour)
