"""`appliance status`: what works, what does not, since when, what to do."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from appliance.cli.options import config_option, json_option
from appliance.config.load import load_config
from appliance.panel.desk import ask


@click.command(name="status")
@config_option
@json_option
def command(path: Path, as_json: bool) -> None:
    """Show programs, associations, deliveries and alerts of the running appliance.

    Exit status: 0 all well, 1 something needs a person, 70 the appliance does not answer.

    Example: appliance status --json
    """
    config = load_config(path)
    status = ask(config.appliance.runtime_dir)
    status["findings"] = findings(status)
    if as_json:
        click.echo(json.dumps(status, indent=2))
    else:
        _show(status)
    raise SystemExit(1 if status["findings"] else 0)


def findings(status: dict[str, Any]) -> list[str]:
    """What needs a person, a sentence each."""
    found = []
    for name, said in status["programs"].items():
        if said["state"] in ("silent", "never"):
            found.append(f"{name} says nothing: look at its log (journalctl -u appliance-{name}).")
        if said["state"] == "stopped":
            found.append(f"{name} was stopped.")
    for name, queue in status["programs"].get("forward", {}).get("destinations", {}).items():
        if queue.get("held"):
            found.append(
                f"{queue['held']} deliveries to {name} are held: upstream said no for good; see the log for why."
            )
        if queue.get("error"):
            found.append(f"{name} takes nothing now: {queue['error']}.")
    return found


def _show(status: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=sys.stdout, highlight=False)
    programs = Table(title="Programs", title_justify="left")
    for heading in ("program", "state", "says"):
        programs.add_column(heading)
    colours = {"ok": "green", "starting": "yellow"}
    for name, said in status["programs"].items():
        state = said["state"]
        programs.add_row(name, f"[{colours.get(state, 'red')}]{state}[/]", _says(name, said))
    console.print(programs)
    destinations = status["programs"].get("forward", {}).get("destinations", {})
    if destinations:
        queues = Table(title="Deliveries", title_justify="left")
        for heading in ("destination", "state", "waiting", "on their way", "held", "delivered", "oldest"):
            queues.add_column(heading, justify="left" if heading in ("destination", "state") else "right")
        for name, queue in destinations.items():
            oldest = queue.get("oldest")
            queues.add_row(
                name,
                "[red]failing[/]" if queue.get("error") else "[green]ok[/]",
                *(str(queue.get(key, 0)) for key in ("waiting", "leased", "held", "delivered")),
                age(time.time() - oldest) if oldest else "",
            )
        console.print(queues)
    alerts = status["alerts"]
    if alerts["count"]:
        table = Table(title=f"Alerts since the panel started: {alerts['count']}, the latest last", title_justify="left")
        for heading in ("when", "by", "rule", "what", "from"):
            table.add_column(heading)
        for alert in alerts["latest"][-5:]:
            said = alert.get("alert", {})
            when = str(alert.get("timestamp", ""))[:19].replace("T", " ")
            words = (alert["program"], said.get("signature_id"), said.get("signature"), alert.get("src_ip"))
            table.add_row(when, *(escape(str(word)) for word in words))
        console.print(table)
    for finding in status["findings"]:
        console.print(f"[red]![/] {escape(finding)}")
    if not status["findings"]:
        console.print("[green]All well.[/]")


def _says(name: str, said: dict[str, Any]) -> str:
    if name == "receive":
        return (
            f"{said.get('associations', 0)} associations open, {said.get('stored', 0)} instances stored, "
            f"{said.get('refused', 0)} associations refused, {said.get('failed_handshakes', 0)} TLS handshakes failed"
        )
    if name == "sensor":
        return (
            f"{said.get('packets', 0)} packets, {said.get('flows', 0)} flows, {said.get('alerts', 0)} alerts, "
            f"{said.get('dropped_packets', 0)} packets lost"
        )
    if name == "forward":
        return f"{said.get('objects', 0)} objects in the vault"
    return ""


def age(seconds: float) -> str:
    """A duration as people say it: "40 s", "3 min", "2 h", "5 d"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
