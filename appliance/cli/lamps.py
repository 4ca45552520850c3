"""`appliance lamps`: what the lamps mean and show now; `appliance lamps test` lights them one after the other."""

from __future__ import annotations

import time
from pathlib import Path

import click

from appliance.base.errors import ApplianceError, LocalError
from appliance.cli.group import Commands
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.config.load import load_config
from appliance.config.places import places_of
from appliance.panel import leds
from appliance.panel.desk import ask
from appliance.panel.lamps import FUNCTIONS, OFF, SINGLE, STEADY, TABLE, alone

_HEADINGS = {"alone": "the lamp", "means": "that means", "do": "what to do"}


@click.group(name="lamps", cls=Commands, invoke_without_command=True)
@click.pass_context
@config_option
@json_option
@click.option("--directory", type=click.Path(path_type=Path), default=leds.CLASS, hidden=True)
def command(context: click.Context, path: Path, as_json: bool, directory: Path) -> None:
    """Show what each lamp means, and what it shows now. On a box with one lamp: what that one shows.

    Example: appliance lamps test
    """
    if context.invoked_subcommand is not None:
        return
    try:
        shown = ask(places_of(path).runtime_dir).get("lamps", {})
    except LocalError:
        shown = {}
    rows = [
        {
            "lamp": row.function,
            "state": row.state,
            "shows": row.pattern.name,
            "alone": alone(row),
            "means": row.meaning,
            "do": row.fix,
            "now": shown.get(row.function) == row.state,
        }
        for row in TABLE
    ]
    if as_json:
        write_json(rows)
        return
    from rich.table import Table

    from appliance.cli.output import terminal

    single = SINGLE in _lamps_of(path, directory)
    keys = ("alone", "means", "do") if single else ("lamp", "shows", "means", "do")
    table = Table()
    for key in ("", *keys):
        table.add_column(_HEADINGS.get(key, key))
    for row in rows:
        if row["alone"] or not single:
            table.add_row("now" if row["now"] else "", *(str(row[key]) for key in keys))
    terminal().print(table)
    if not shown:
        say("The appliance does not run: its lamps are off, or show what the kernel makes of them.")


def _lamps_of(path: Path, directory: Path) -> dict[str, leds.Led]:
    try:
        return leds.find(load_config(path).panel.leds, directory, again=True)
    except ApplianceError:
        return {}  # the table is good without


@command.command(name="test")
@config_option
@click.option("--seconds", type=click.FloatRange(0.1, 60), default=2.0, show_default=True, help="How long each is lit.")
@click.option("--directory", type=click.Path(path_type=Path), default=leds.CLASS, hidden=True)
def test(path: Path, seconds: float, directory: Path) -> None:
    """Light each lamp for a while, the others dark, and say which one it is.

    The appliance goes on meanwhile, and has its lamps back afterwards. Run this as root.

    Exit status: 0 all lamps that there are took it, 1 one did not.

    Example: appliance lamps test --seconds 5
    """
    config = load_config(path)
    found = leds.find(config.panel.leds, directory)
    if not found:
        raise LocalError(
            "this box has no lamp that we know", fix="Name them in leds of [panel]: `ls /sys/class/leds` shows them."
        )
    runtime = config.appliance.runtime_dir
    missing = [name for name in FUNCTIONS if name not in found and SINGLE not in found]
    with leds.alone(runtime / "lamps.lock", wait=True):
        before = {name: led.state() for name, led in found.items()}
        try:
            took = [_light(name, found, seconds) for name in found]
        finally:
            for name, led in found.items():
                try:
                    led.restore(before[name])
                except OSError:  # said when it was lit
                    pass
    for name in missing:
        say(f"{name}: this box has no such lamp")
    raise SystemExit(0 if all(took) else 1)


def _light(name: str, found: dict[str, leds.Led], seconds: float) -> bool:
    for other, led in found.items():
        if other != name:
            led.show(OFF)
    took = found[name].show(STEADY)
    click.echo(f"{name}: {found[name].path.name} {'is lit' if took else 'cannot be lit'}")
    time.sleep(seconds)
    return found[name].show(OFF) and took
