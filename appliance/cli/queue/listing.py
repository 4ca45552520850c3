"""`appliance queue list` and `held`: the queue of each destination, and what waits for a person."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.delivery_words import LEFT, advice, forecast, held_advice, last_error, pace, state_of
from appliance.cli.options import config_option, json_option
from appliance.cli.output import terminal, write_json
from appliance.cli.queue.asking import ask, destination_argument
from appliance.cli.uid_names import with_names
from appliance.panel.health.words import span


@click.command(name="list")
@config_option
@json_option
def list_queues(path: Path, as_json: bool) -> None:
    """Show how much waits for each destination, since when, how fast it goes, and what stops it.

    Example: appliance queue list
    """
    state = ask(path, "queue")
    if as_json:
        write_json(state)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    unproven = any(queue.get("stored") for queue in state["destinations"].values())
    counted = {"waiting": "waiting", "sending": "leased"}
    counted |= {"to prove": "stored", "held": "held"} if unproven else {"held": "held"}
    for heading in ("destination", "state", *counted, "oldest", "pace", "empty"):
        table.add_column(heading, justify="left" if heading in ("destination", "state") else "right")
    for name, queue in state["destinations"].items():
        words, colour = state_of(queue)
        oldest = span(time.time() - queue["oldest"]) if queue["oldest"] else ""
        counts = (str(queue.get(key, 0)) for key in counted.values())
        table.add_row(escape(name), f"[{colour}]{words}[/]", *counts, oldest, pace(queue), forecast(queue))
    gone = state.get("left", {})
    for name, owed in gone.items():
        counts = (str(owed.get(key, 0)) for key in counted.values())
        oldest = span(time.time() - owed["oldest"]) if owed["oldest"] else ""
        table.add_row(escape(name), f"[{LEFT[1]}]{LEFT[0]}[/]", *counts, oldest, "", "")
    screen = terminal()
    screen.print(table if state["destinations"] or gone else "There is no destination.")
    for name in gone:
        screen.print(f"{escape(name)}: what is for it stays here, and goes nowhere")
        screen.print(escape("    → Put its [[destination]] back under this name, if need be with another address."))
    for name, queue in state["destinations"].items():
        if error := last_error(queue):
            screen.print(f"{escape(name)}: last error: {escape(error)}")
            if queue["error"] and (what := advice(queue)):
                screen.print(f"    → {escape(what)}")
        if error := queue.get("proof_error"):
            screen.print(f"{escape(name)}: no proof: {escape(error)}")


@click.command(name="held")
@destination_argument
@config_option
@json_option
def list_held(destination: str | None, path: Path, as_json: bool) -> None:
    """Show what is held for a person, and why; for one DESTINATION or for all.

    Example: appliance queue held pacs
    """
    from rich.markup import escape

    held = ask(path, "held", destination=destination)["held"]
    if as_json:
        write_json(held)
        return
    screen = terminal()
    screen.print(held_table(held) if held else "Nothing is held.")
    if held:
        for line in held_advice(held, ask(path, "queue")["destinations"]):
            screen.print(escape(with_names(line)))


def held_table(held: list[dict[str, Any]]) -> Any:
    """Deliveries that wait for a person."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in ("object", "destination", "received", "attempts", "reason"):
        table.add_column(heading, overflow="fold")
    for each in held:
        received = f"{span(time.time() - each['received'])} ago"
        words = escape(each["reason"])
        table.add_row(each["object"], escape(each["destination"]), received, str(each["attempts"]), words)
    return table
