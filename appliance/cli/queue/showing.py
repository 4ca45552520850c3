"""`appliance queue show`: one destination with what goes next, or the deliveries of one object."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from appliance.cli import offers
from appliance.cli.delivery_words import advice, forecast, last_error, pace, state_of
from appliance.cli.options import config_option, json_option
from appliance.cli.output import terminal, write_json
from appliance.cli.queue.asking import ask
from appliance.cli.queue.listing import held_table
from appliance.cli.uid_names import with_names
from appliance.panel.health.words import amount, span

_OBJECT_ID = re.compile(r"[0-9a-f]{32}")


@click.command(name="show")
@click.argument("what", metavar="DESTINATION|OBJECT", shell_complete=offers.destinations)
@config_option
@json_option
def show(what: str, path: Path, as_json: bool) -> None:
    """Show one destination and what goes there next, or what became of one object.

    Exit status: 0, or 1 where nothing of this object is owed to anybody.

    Example: appliance queue show pacs
    """
    if _OBJECT_ID.fullmatch(what):
        answer = ask(path, "deliveries", object=what)
    else:
        answer = ask(path, "deliveries", destination=what)
    if as_json:
        write_json(answer)
    elif "destination" in answer:
        for part in _destination(what, answer):
            terminal().print(part)
    else:
        terminal().print(_table(answer["deliveries"]) if answer["deliveries"] else "Nobody is owed this object.")
    if not answer["deliveries"] and "destination" not in answer:
        raise SystemExit(1)


def _destination(name: str, answer: dict[str, Any]) -> Iterator[Any]:
    from rich.markup import escape
    from rich.table import Table

    queue = answer["destination"]
    words, colour = state_of(queue)
    facts = Table(box=None, show_header=False, pad_edge=False)
    rows = [
        ("state", f"[{colour}]{words}[/]"),
        ("failures", f"{queue['failures']} in a row" if queue["failures"] else ""),
        ("waiting", str(queue["waiting"])),
        ("gathering", f"{queue['gathering']}, until their studies are complete" if queue["gathering"] else ""),
        ("on their way", str(queue["leased"])),
        ("to be proven", f"{queue['stored']} that it says it has" if queue.get("stored") else ""),
        ("held", str(queue["held"])),
        ("delivered", f"{queue['delivered']} that are still here; {queue['instances_sent']} since the start"),
        ("oldest", f"{span(time.time() - queue['oldest'])} ago" if queue["oldest"] else ""),
        ("pace", f"{pace(queue)}, {amount(queue['byte_rate'])}/s" if pace(queue) else "nothing goes now"),
        ("empty", forecast(queue)),
        ("schedule", escape(queue["schedule"])),
        ("held back", f"by a person since {_when(queue['paused'])}" if queue["paused"] is not None else ""),
        ("stopped by", escape(queue["error"])),
        ("last error", escape(last_error(queue)) if queue["last_error"] else ""),
        ("what to do", escape(with_names(advice(queue)))),
        ("no proof", escape(queue.get("proof_error", ""))),
    ]
    for row in rows:
        if row[1]:
            facts.add_row(*row)
    yield f"[bold]{escape(name)}[/]"
    yield facts
    if answer["deliveries"]:
        yield ""
        yield _table(answer["deliveries"], "Next")
    if answer["held"]:
        yield ""
        yield held_table(answer["held"])


def _table(deliveries: list[dict[str, Any]], title: str | None = None) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in ("object", "destination", "state", "received", "attempts", "next try", "status", "reason"):
        table.add_column(heading, overflow="fold")
    for each in deliveries:
        due = each["due_in"]
        table.add_row(
            each["object"],
            escape(each["destination"]),
            "on its way" if each["state"] == "leased" else each["state"],
            f"{span(time.time() - each['received'])} ago",
            str(each["attempts"]),
            "" if due is None or each["state"] == "leased" else f"in {span(due)}" if due >= 1 else "now",
            each["status"] or "",
            escape(each["reason"]),
        )
    return table


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")
