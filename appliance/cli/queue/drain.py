"""`appliance queue drain`: wait until a destination has everything, and show how it goes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.delivery_words import forecast, pace, state_of
from appliance.cli.options import config_option, json_option
from appliance.cli.output import say, write_json
from appliance.cli.queue.asking import ask, one_destination_argument
from appliance.config.values import parse_duration

_EVERY = 0.5  # seconds between two looks
_LINE_EVERY = 10.0  # seconds between two lines where there is no terminal


class Duration(click.ParamType[Any]):
    """A duration as the configuration has them: 90s, 15min, 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(name="drain")
@one_destination_argument
@click.option("--timeout", type=Duration(), help="Give up after so long (90s, 15min, 2h). Without it: never.")
@config_option
@json_option
def drain(destination: str, timeout: float | None, path: Path, as_json: bool) -> None:
    """Wait until nothing waits for DESTINATION any more; before work on the line or on this box, for example.

    What is held for a person does not go by itself, and is not waited for. New instances are.

    Exit status: 0 it has everything, 1 something is held for a person, 75 the time was over before.

    Example: appliance queue drain pacs --timeout 15min
    """
    begun = time.monotonic()
    shown = Progress(destination)
    while True:
        queue = ask(path, "deliveries", destination=destination)["destination"]
        left = sum(queue.get(state, 0) for state in ("waiting", "leased", "stored", "gathering"))
        over = timeout is not None and time.monotonic() - begun >= timeout
        if not left or over:
            break
        shown.show(queue, left)
        time.sleep(_EVERY if timeout is None else min(_EVERY, max(0.0, begun + timeout - time.monotonic())))
    shown.end()
    words, _ = state_of(queue)
    if as_json:
        write_json({"destination": destination, "left": left, "held": queue["held"], "state": words})
    elif left:
        click.echo(f"{left} instances still wait for {destination} ({words}).")
    else:
        held = f"; {queue['held']} are held for a person, see `appliance queue held`" if queue["held"] else ""
        click.echo(f"Nothing waits for {destination}{held}.")
    raise SystemExit(75 if left else 1 if queue["held"] else 0)


class Progress:
    """One line on stderr: on a terminal it is written over, elsewhere a new one now and then."""

    def __init__(self, destination: str) -> None:
        self._destination = destination
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._said = 0.0
        self._most = 0

    def show(self, queue: dict[str, Any], left: int) -> None:
        """How it is now."""
        self._most = max(self._most, left)
        words, _ = state_of(queue)
        if queue.get("paused") is not None:
            words += f", until `appliance queue release {self._destination}`"
        rest = ", ".join(filter(None, (pace(queue), forecast(queue).replace("?", ""), "" if words == "ok" else words)))
        line = f"{self._destination}: {self._most - left} of {self._most} gone{', ' if rest else ''}{rest}"
        if self._terminal:
            click.echo(f"\r\033[K{line}", nl=False, err=True)
        elif time.monotonic() - self._said >= _LINE_EVERY:
            self._said = time.monotonic()
            say(line)

    def end(self) -> None:
        """No more is shown."""
        if self._terminal and self._most:
            click.echo("\r\033[K", nl=False, err=True)
